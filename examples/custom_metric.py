"""A metric of one's own: how sharp reconstructions are.

    python examples/custom_metric.py [DIRECTORY]
    attredit evaluate --plugin examples/custom_metric.py RUN

The file is a plugin. The figure stands among attredit's own: in evaluation.json, in the model card, in benchmarks.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attredit
from attredit import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from attredit import Editor, EvaluationData, Register

attredit_api = 1


@hookimpl
def register_metrics(register: Register) -> None:
    register("sharpness", "custom_metric:sharpness", summary="steps between pixels, reconstruction against image")


def sharpness(editor: Editor, data: EvaluationData) -> dict[str, float]:
    """Mean absolute step between neighbouring pixels of reconstructions, over that of the images: 1 is as sharp."""
    real = decoded = 0.0
    for _, images in data.chunks():
        real += steps(images)
        decoded += steps(editor.model.decode(editor.model.encode(images)))
    return {"sharpness": decoded / real}


def steps(images: Tensor) -> float:
    """The sum of all absolute steps, along rows and columns."""
    return float(images.diff(dim=3).abs().sum() + images.diff(dim=2).abs().sum())


def main(folder: Path) -> None:
    attredit.use_plugin(__file__)
    request = attredit.Request(
        attributes=["Smiling"],
        image_size=32,
        steps=60,
        batch_size=16,
        run_dir=str(folder / "run"),
        data_options={"train": 96, "valid": 16, "test": 32},
    )
    run = attredit.train(request)
    figures = attredit.evaluate(run).metrics
    print(f"sharpness {figures['sharpness'].value:.3f} beside mse {figures['mse'].value:.4f}")
    print(f"All figures are in {run / 'evaluation.json'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
