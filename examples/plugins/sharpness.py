"""A metric of one's own: how sharp reconstructions are, as a share of the images' own sharpness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from attredit import Editor
    from attredit.evaluation import EvaluationData
    from attredit.hookspecs import Register

attredit_api = 1


@hookimpl
def register_metrics(register: Register) -> None:
    """One figure."""
    register("sharpness", f"{__name__}:sharpness", summary="edges of reconstructions, as a share of the images' own")


def sharpness(editor: Editor, data: EvaluationData) -> dict[str, float]:
    """1: as sharp as the images; 0: without any edge."""
    own = drawn = 0.0
    for _, images in data.chunks():
        code = editor.encode(images)
        own += edges(images)
        drawn += edges(editor.decode(editor.latent(code), editor.attributes_of(code), code))
    return {"sharpness": drawn / own}


def edges(images: Tensor) -> float:
    """Sum of the differences of neighbouring pixels of (B, C, H, W)."""
    return float(images.diff(dim=2).abs().sum() + images.diff(dim=3).abs().sum())
