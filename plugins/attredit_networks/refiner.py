"""A compositor that learns: what the decoder draws softly, it draws as sharply as the photograph around it is.

It is shown the blend without weights, in which nothing of the image is left where the edit is, and told what the result
has. It learns from edits of which the truth is known. In the batch's own images the decoder's reconstruction is shown
where an edit would be, so it has to find the image again; and so it has in edits that were undone, which leave traces.
Being told matters: of images without glasses the truth never has any, whatever traces say. One that is not told
learns that traces come true, and paints back in what was taken off.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit import BatchView
from attredit.editing.composite import blurred, edit_mask, fitted, in_bands, of_channels
from attredit.editing.placing import Upright
from attredit.errors import UsageError
from attredit.toolkit import norm_layer

Known = Literal["recomposed", "restored"]


class Told(nn.Module):
    """Two convolutions, whose features the attributes (B, A) scale and shift (Perez et al. 2018, arXiv 1709.07871)."""

    def __init__(self, inputs: int, outputs: int, attr_dim: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(n, outputs, 3, padding=1) for n in (inputs, outputs))
        self.norm, self.attrs = norm_layer("group", outputs), nn.Linear(attr_dim, 2 * outputs)

    def forward(self, features: Tensor, attrs: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        scale, shift = self.attrs(attrs)[:, :, None, None].chunk(2, 1)
        drawn = self.norm(self.second(F.silu(self.first(features))))
        return F.silu(drawn * (1.0 + scale) + shift)


class Refiner(nn.Module):
    """See the module. A U-Net at half the decoder's size, which ends at the whole; images of any size get its edit.

    Begins as the blend without weights.

    Args:
        channels: C.
        image_size: Of the decoder.
        attr_dim: A.
        width: Of the finest features.

    Raises:
        UsageError: it is not divisible by 8.
    """

    def __init__(self, channels: int, image_size: int, attr_dim: int, width: int = 32) -> None:
        super().__init__()
        if image_size % 8:
            raise UsageError(f"The refiner needs an image size divisible by 8, not {image_size}.")
        shown = channels + 1
        self.down = nn.ModuleList(
            Told(n, m, attr_dim) for n, m in ((4 * shown, width), (width, 2 * width), (2 * width, 3 * width))
        )
        self.up = nn.ModuleList(Told(n, m, attr_dim) for n, m in ((5 * width, 2 * width), (3 * width, width)))
        self.whole = nn.Conv2d(width + 4 * shown, 4 * 12, 3, padding=1)
        self.last = nn.Conv2d(12 + shown, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        (height, width), (h, w) = images.shape[2:], before.shape[2:]
        small = Upright((height, width)).to_decoder(images, (h, w))
        own = of_channels(small, before.shape[1])
        difference = self.edited(own, before, after, change, attrs) - own
        return in_bands(images, small, of_channels(difference, images.shape[1]), change)

    def edited(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        mask = edit_mask(change)
        blend = images + mask * (fitted(images, before, after, change) - images)
        return (blend + mask * self.drawn(blend, mask, attrs.clamp(0.0, 1.0))).clamp(0.0, 1.0)

    def drawn(self, blend: Tensor, mask: Tensor, attrs: Tensor) -> Tensor:
        """(B, C, h, w) what is added to a blend, within a mask (B, 1, h, w)."""
        shown = torch.cat([2.0 * blend - 1.0, mask], 1)
        features = halved = F.pixel_unshuffle(shown, 2)
        skips: list[Tensor] = []
        for layer in self.down:
            features = layer(features if not skips else F.avg_pool2d(features, 2), attrs)
            skips.append(features)
        skips.pop()
        for layer in self.up:
            larger = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = layer(torch.cat([larger, skips.pop()], 1), attrs)
        whole = F.silu(F.pixel_shuffle(self.whole(torch.cat([features, halved], 1)), 2))
        drawn: Tensor = self.last(torch.cat([whole, shown], 1))
        return drawn


def refine(view: BatchView, of: Known = "recomposed", steps: float = 1.0, detail: float = 2.0) -> Tensor:
    """L1 from the truth, in the edit; mean over images and the pixels of each that the edit changes.

    Where detail lies is not known to whoever sees a blur, and its mean over all that may be true is a blur again. How
    much of it there is, is known: so that is asked for, too, and at no place in particular.

    Args:
        view: The step.
        of: Of which edits, see `BatchView.known_edit`.
        steps: What differences of neighbours weigh, beside pixels.
        detail: What their root mean square around each pixel weighs.
    """
    made, truth = view.images(of), view.real
    missed = (made - truth).abs()
    for mine, true in zip(_steps(made), _steps(truth), strict=True):
        missed = missed + steps * (mine - true).abs() + detail * (_around(mine) - _around(true)).abs()
    mask = view.once("known_mask", lambda: edit_mask(view.known_edit(of)[1].change), of)
    inside = missed.mean(1, keepdim=True) * (mask > 0)
    return (inside.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1.0)).mean()


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) how much the pixel below differs from each, and the one to the right; 0 at the end."""
    down, right = images[:, :, 1:] - images[:, :, :-1], images[..., 1:] - images[..., :-1]
    return F.pad(down, (0, 0, 0, 1)), F.pad(right, (0, 1))


def _around(values: Tensor) -> Tensor:
    """The root of their mean square around each pixel, with a slope that is finite at 0."""
    return (blurred(values.square(), 1.0) + 1e-4).sqrt()
