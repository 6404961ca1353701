"""A compositor that draws what a small decoder leaves soft."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.editing.composite import blend_batch, edit_mask
from attredit.toolkit import Norm, norm_layer

_FARTHEST = 0.6  # how far a pixel may be moved from the blend


class Refiner(nn.Module):
    """The blend without weights, and a U-Net (Ronneberger et al. 2015) that redraws it where the edit is.

    Of an edit it is shown the blend, with the image's own surroundings, and how the decoder changes the image. It works
    at the decoder's size; a larger image gets the difference enlarged. Untrained, it is the blend.

    Args:
        channels: C.
        width: Channels at half the size; twice as many below.
        norm: "group" or "batch".
    """

    def __init__(self, *, channels: int, width: int = 32, norm: Norm = "group") -> None:
        super().__init__()
        shown = 3 * channels + 1
        self.to_half = _stage(shown, width, norm, stride=2)
        self.to_quarter, self.to_eighth = (
            _stage(width, 2 * width, norm, stride=2),
            _stage(2 * width, 2 * width, norm, stride=2),
        )
        self.from_eighth, self.from_quarter = _stage(4 * width, width, norm), _stage(2 * width, width, norm)
        self.last = nn.Sequential(nn.Conv2d(width + shown, width // 2, 3, padding=1), nn.SiLU(inplace=True))
        self.drawn = nn.Conv2d(width // 2, channels, 3, padding=1)
        for weights in self.drawn.parameters():
            nn.init.zeros_(weights)

    def forward(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        small = _resized(images, (before.shape[-2], before.shape[-1]))
        mask, blended = edit_mask(change), blend_batch(small, before, after, change)
        seen, drawn = (t if t.shape[1] == before.shape[1] else t.mean(1, keepdim=True) for t in (small, blended))
        shown = torch.cat([2.0 * seen - 1.0, 2.0 * drawn - 1.0, 4.0 * (after - before), mask], 1)
        more = _FARTHEST * mask * self._redrawn(shown).tanh()
        whole = blended if small is images else blend_batch(images, before, after, change)
        more, mask = (_resized(t, (images.shape[-2], images.shape[-1])) for t in (more, mask))
        return torch.where(mask == 0, whole, (whole + more).clamp(0.0, 1.0))

    def _redrawn(self, shown: Tensor) -> Tensor:
        half = self.to_half(shown)
        quarter = self.to_quarter(half)
        up = self.from_eighth(torch.cat([_like(self.to_eighth(quarter), quarter), quarter], 1))
        up = self.from_quarter(torch.cat([_like(up, half), half], 1))
        drawn: Tensor = self.drawn(self.last(torch.cat([_like(up, shown), shown], 1)))
        return drawn


def _stage(into: int, out: int, norm: Norm, stride: int = 1) -> nn.Sequential:
    first = nn.Conv2d(into, out, 4 if stride == 2 else 3, stride, 1, bias=False)
    second = nn.Conv2d(out, out, 3, padding=1, bias=False)
    layers = [[conv, norm_layer(norm, out), nn.SiLU(inplace=True)] for conv in (first, second)]
    return nn.Sequential(*layers[0], *layers[1])


def _like(images: Tensor, other: Tensor) -> Tensor:
    """Enlarged to another's size."""
    return F.interpolate(images, size=other.shape[-2:], mode="bilinear", align_corners=False)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
