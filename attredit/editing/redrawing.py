"""A network that draws a part of an image again, and what it is to come near to.

What an edit decodes is softer than a photograph is. Compositors that learn, and sharpeners, draw it again: they are
shown images in which something is soft, and where, and told what the result has.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.editing.composite import blurred
from attredit.toolkit import norm_layer


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


class Redrawing(nn.Module):
    """A U-Net that begins with squares of an image's pixels, and ends at each of them. At first it draws nothing.

    Sides of images are to be divisible by four of these squares. From larger ones it goes on to those of two pixels,
    step by step: what draws many pixels at once draws their grid.

    Args:
        channels: C.
        attr_dim: A.
        square: Side of the squares in pixels: 2, 4, 8 ...
        width: Of the finest features.
    """

    def __init__(self, channels: int, attr_dim: int, square: int = 2, width: int = 32) -> None:
        super().__init__()
        self.square, shown = square, channels + 1
        within = square**2 * shown
        self.down = nn.ModuleList(
            Told(n, m, attr_dim) for n, m in ((within, width), (width, 2 * width), (2 * width, 3 * width))
        )
        self.up = nn.ModuleList(Told(n, m, attr_dim) for n, m in ((5 * width, 2 * width), (3 * width, width)))
        self.finer = nn.ModuleList(
            Told(width + side**2 * shown, width, attr_dim) for side in reversed(halvings(square)) if side < square
        )
        self.whole = nn.Conv2d(width + 4 * shown, 4 * 12, 3, padding=1)
        self.last = nn.Conv2d(12 + shown, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def redrawn(self, images: Tensor, mask: Tensor, attrs: Tensor) -> Tensor:
        """(B, C, h, w) in [0, 1]: images with attributes (B, A), drawn again within a mask (B, 1, h, w)."""
        return (images + mask * self.drawn(images, mask, attrs.clamp(0.0, 1.0))).clamp(0.0, 1.0)

    def drawn(self, images: Tensor, mask: Tensor, attrs: Tensor) -> Tensor:
        """(B, C, h, w) what is added."""
        shown = torch.cat([2.0 * images - 1.0, mask], 1)
        features = F.pixel_unshuffle(shown, self.square)
        skips: list[Tensor] = []
        for layer in self.down:
            features = layer(features if not skips else F.avg_pool2d(features, 2), attrs)
            skips.append(features)
        skips.pop()
        skips[:0] = [F.pixel_unshuffle(shown, side) for side in halvings(self.square) if side < self.square]
        for layer in (*self.up, *self.finer):
            larger = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = layer(torch.cat([larger, skips.pop()], 1), attrs)
        small = F.pixel_unshuffle(shown, 2)
        whole = F.silu(F.pixel_shuffle(self.whole(torch.cat([features, small], 1)), 2))
        drawn: Tensor = self.last(torch.cat([whole, shown], 1))
        return drawn


def halvings(square: int) -> list[int]:
    """2, 4 and so on to the side of a square that is a power of 2."""
    return [2**i for i in range(1, square.bit_length())]


def missed(made: Tensor, truth: Tensor, steps: float, detail: float) -> Tensor:
    """(B, 1, H, W) how far images are from the truth: in pixels, neighbours' differences, and how much detail there is.

    Where detail lies is not known to whoever sees a blur, and its mean over all that may be true is a blur again. How
    much of it there is, is known: so that is asked for, too, and at no place in particular.

    Args:
        made: (B, C, H, W).
        truth: (B, C, H, W).
        steps: What differences of neighbours weigh, beside pixels.
        detail: What their root mean square around each pixel weighs.
    """
    far = (made - truth).abs()
    for mine, true in zip(_steps(made), _steps(truth), strict=True):
        far = far + steps * (mine - true).abs() + detail * (_around(mine) - _around(true)).abs()
    return far.mean(1, keepdim=True)


def within(values: Tensor, mask: Tensor) -> Tensor:
    """Values (B, 1, H, W) where a mask is: their sum of each image by its mask's, the mean over images."""
    inside = values * (mask > 0)
    return (inside.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1.0)).mean()


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) how much the pixel below differs from each, and the one to the right; 0 at the end."""
    down, right = images[:, :, 1:] - images[:, :, :-1], images[..., 1:] - images[..., :-1]
    return F.pad(down, (0, 0, 0, 1)), F.pad(right, (0, 1))


def _around(values: Tensor) -> Tensor:
    """The root of their mean square around each pixel, with a slope that is finite at 0."""
    return (blurred(values.square(), 1.0) + 1e-4).sqrt()
