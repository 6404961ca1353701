"""Edits drawn finer than the decoder draws: what is sharp in its 64 pixels is a blur in a photograph.

A sharpener is shown a composite edit in pixels some times as fine, as `composite.py` brings it there, and draws again
what was enlarged. `training/sharpening.py` teaches it, once a model is trained, on pictures that are fine enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from attredit.editing.composite import edit_mask
from attredit.editing.redrawing import Redrawing
from attredit.errors import RunError, UsageError
from attredit.files import below, load_into

DETAILS = (2, 4, 8)
"""How many times finer than the decoder's its pixels may be."""

_NAME = "sharpener"


class Sharpener(Redrawing):
    """Draws what was enlarged again, in pixels `detail` times as fine as the decoder's.

    Args:
        channels: C.
        attr_dim: A.
        detail: How many times, a power of 2; squares of as many pixels are what its U-Net begins with.
        width: Of its finest features.
    """

    @property
    def detail(self) -> int:
        """How many times finer than the decoder's its pixels are."""
        return self.square

    def forward(self, fine: Tensor, difference: Tensor, change: Tensor, attrs: Tensor) -> tuple[Tensor, ...]:
        """An edit at the decoder's size, brought to finer images.

        Args:
            fine: (B, C, detail h, detail w) in [0, 1].
            difference: (B, C, h, w) what the edit adds to these images' averages.
            change: (B, 1, h, w) see `edit_mask`.
            attrs: (B, A) what the edited images have.

        Returns:
            (B, C, detail h, detail w) what is added to the fine ones, and as large (B, 1, ...) both masks of `change`,
            the wider one first.
        """
        shown, mask, changed = self.shown(fine, difference, change)
        return self.redrawn(shown, mask, attrs) - fine, mask, changed

    def shown(self, fine: Tensor, difference: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What it is shown: the edit as it is without a sharpener; see `forward`."""
        mask, changed = (self._enlarged(edit_mask(change, widened=wider)) for wider in (True, False))
        own = fine - self._enlarged(F.avg_pool2d(fine, self.detail))
        return (fine + self._enlarged(difference) - changed * own).clamp(0.0, 1.0), mask, changed

    def _enlarged(self, images: Tensor) -> Tensor:
        return F.interpolate(images, scale_factor=self.detail, mode="bilinear", align_corners=False)


def require_size(image_size: int, detail: int) -> None:
    """Make sure that a sharpener can follow a decoder of this size.

    Raises:
        UsageError: it cannot.
    """
    if detail not in DETAILS:
        raise UsageError(f"A sharpener cannot draw {detail} times as fine.", "Use 2, 4 or 8.")
    if image_size % 4:
        raise UsageError(f"A sharpener needs a model whose image size is divisible by 4, not {image_size}.")


def sharpener_among(model: Mapping[str, Tensor], channels: int, attr_dim: int, where: Path) -> Sharpener | None:
    """The sharpener among a model's tensors; None where there is none.

    Raises:
        RunError: it does not fit.
    """
    tensors = below(_NAME, model)
    if not tensors:
        return None
    try:
        width, levels = tensors["up.1.second.weight"].shape[0], {n.split(".")[1] for n in tensors if n[:6] == "finer."}
    except KeyError as error:
        raise RunError(f"{where} has a damaged sharpener: it lacks {error}.", "Run attredit sharpen again.") from error
    sharpener = Sharpener(channels, attr_dim, 2 ** (1 + len(levels)), width)
    load_into(sharpener, tensors, where)
    return sharpener.eval().requires_grad_(False)


def with_sharpener(model: Mapping[str, Tensor], sharpener: Sharpener) -> dict[str, Tensor]:
    """A model's tensors with this sharpener, and no other."""
    others = {name: tensor for name, tensor in model.items() if not name.startswith(f"{_NAME}.")}
    return others | {f"{_NAME}.{name}": tensor for name, tensor in sharpener.state_dict().items()}
