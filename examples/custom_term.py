"""A loss term of one's own: edges of the reconstruction.

    python examples/custom_term.py [DIRECTORY]
    attredit train --plugin examples/custom_term.py --attr Smiling --set players.autoencoder.terms.edges=0.5

The file is a plugin. A term asks the view for what it compares; what other terms ask for as well is computed once.
Its further arguments are options: ``--set players.autoencoder.terms.edges.options.power=2``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attredit
from attredit import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from attredit import BatchView, Register

attredit_api = 1


@hookimpl
def register_terms(register: Register) -> None:
    register("edges", "custom_term:edges", summary="differences of neighbouring pixels, image against reconstruction")


def edges(view: BatchView, power: float = 1.0) -> Tensor:
    """How much steps between neighbouring pixels differ from the image's: a mean over pixels, rows plus columns."""
    difference = view.images("reconstruction") - view.real
    across, down = difference.diff(dim=3).abs(), difference.diff(dim=2).abs()
    return across.pow(power).mean() + down.pow(power).mean()


def main(folder: Path) -> None:
    attredit.use_plugin(__file__)
    request = attredit.Request(
        attributes=["Smiling"],
        image_size=32,
        steps=60,
        batch_size=16,
        log_every=20,
        overrides={"players.autoencoder.terms.edges": 0.5},
        run_dir=str(folder / "run"),
        data_options={"train": 300, "valid": 20, "test": 20},
    )
    run = attredit.train(request)
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        figures = json.loads(line)
        print(f"step {figures['step']}: edges {figures['autoencoder/edges']:.4f}")
    print(f"The run is in {run}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
