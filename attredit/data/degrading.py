"""Small damage to images: drawn at random where something learns to read them, a seeded handful where a judge does.

Lengths are in pixels of 64x64 images, so that any size is damaged alike; pixels are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_SEED = 20170711
_SHARP = 0.3
_BLOCK = 8
# What is rounded to multiples of this stays as it is.
_FINE = 1e-6


@dataclass(frozen=True)
class DamageLimits:
    """How much training images are damaged, at most; part of the hash of what is trained on them.

    Attributes:
        blur: Standard deviation of the blur.
        noise: Standard deviation of the noise.
        light: Change of brightness.
        contrast: Relative change of contrast.
        shift: Displacement.
        zoom: Relative change of scale.
        coarseness: Rounding of block cosine coefficients, as JPEG does it, of every other image; .05 is about JPEG's
            quality of 50.
        hole: Sides of the rectangle that hides a part of an image, relative to the image's.
    """

    blur: float = 0.7
    noise: float = 0.05
    light: float = 0.1
    contrast: float = 0.2
    shift: float = 2.0
    zoom: float = 0.06
    coarseness: float = 0.08
    hole: float = 0.3


class Draws(NamedTuple):
    """What decides how each of B images (C, H, W) is damaged.

    Attributes:
        amounts: (8, B) uniform in [0, 1): how much of what.
        hole: (5 + C, B) uniform in [0, 1): where it is, what it shows, and its colour.
        pattern: (B, C, H, W) standard normal.
    """

    amounts: Tensor
    hole: Tensor
    pattern: Tensor


class Damage(NamedTuple):
    """What happens to each of B images; all (B,).

    Attributes:
        blur: Standard deviation, in their own pixels.
        zoom: Factor, about the centre.
        right: How far to the right of a place its new pixel comes from, in their own pixels.
        down: How far below.
        contrast: Factor.
        light: Added.
        noise: Standard deviation.
        coarseness: See `compressed`; 0 for none.
    """

    blur: Tensor
    zoom: Tensor
    right: Tensor
    down: Tensor
    contrast: Tensor
    light: Tensor
    noise: Tensor
    coarseness: Tensor


# Verdicts must survive each of these: blur, zoom, right, down, contrast, light, noise, coarseness.
_HANDFUL = (
    (0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, -1.0, 1.0, 1.0, 0.0, 0.02, 0.0),
    (1.2, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    (0.0, 1.05, 0.0, -1.0, 0.85, 0.03, 0.0, 0.0),
    (0.0, 0.95, 0.0, 0.0, 1.15, -0.03, 0.03, 0.0),
    (0.5, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.06),
)


def degraded(images: Tensor) -> Iterator[Tensor]:
    """A handful of slightly damaged copies of images (B, C, H, W), always the same of the same images."""
    generator = torch.Generator().manual_seed(_SEED)
    unit = images.shape[-1] / 64.0
    for row in _HANDFUL:
        blur, zoom, right, down, *rest = (images.new_full((len(images),), value) for value in row)
        # One pattern for all: what becomes of an image must not depend on its neighbours.
        pattern = torch.randn(images.shape[1:], generator=generator).to(images.device)
        yield damaged(images, Damage(unit * blur, zoom, unit * right, unit * down, *rest), pattern)


def randomly_damaged(images: Tensor, settings: DamageLimits, generator: torch.Generator) -> Tensor:
    """Images that were moved, blurred, lit otherwise, made noisier, compressed and partly hidden, each in its own way.

    Args:
        images: (B, C, H, W) in [0, 1].
        settings: How much.
        generator: Source of randomness, on the CPU.
    """
    count, channels, *_ = images.shape
    amounts = torch.rand(8, count, generator=generator)
    pattern = torch.randn(images.shape, generator=generator)
    drawn = Draws(amounts, torch.rand(5 + channels, count, generator=generator), pattern)
    # A hole shows a piece of the image before it, so that it does not bring that image's attributes along.
    return spoilt(images, settings, Draws(*(numbers.to(images.device) for numbers in drawn)), images.roll(1, 0))


def spoilt(images: Tensor, settings: DamageLimits, drawn: Draws, foreign: Tensor) -> Tensor:
    """The same, as it was drawn.

    Args:
        images: (B, C, H, W) in [0, 1].
        settings: How much.
        drawn: For each.
        foreign: (B, C, H, W) of which holes show a piece, from another place.
    """
    images = images.contiguous()  # half as long as with channels last
    draw, around, unit = drawn.amounts, 2 * drawn.amounts - 1, images.shape[-1] / 64.0
    damage = Damage(
        # Hardly any for a quarter of the images.
        blur=unit * settings.blur * (draw[0] - 0.25).clamp(min=0.0) / 0.75,
        zoom=1 + settings.zoom * around[1],
        right=unit * settings.shift * around[2],
        down=unit * settings.shift * around[3],
        contrast=1 + settings.contrast * around[4],
        light=settings.light * around[5],
        noise=settings.noise * draw[6],
        coarseness=settings.coarseness * around[7].clamp(min=0.0),
    )
    return damaged(hidden(images, settings.hole, drawn.hole, foreign), damage, drawn.pattern)


def damaged(images: Tensor, damage: Damage, pattern: Tensor) -> Tensor:
    """Images (B, C, H, W) after all that happens to them, in [0, 1].

    Args:
        images: In [0, 1].
        damage: To each.
        pattern: (B, C, H, W) or (C, H, W), the noise where its standard deviation is 1.
    """
    across = gaussian_rows(images.shape[-1], damage.blur, damage.zoom, damage.right)
    down = gaussian_rows(images.shape[-2], damage.blur, damage.zoom, damage.down)
    moved = down[:, None] @ images @ across[:, None].transpose(2, 3)
    contrast, light, noise = (x.view(-1, 1, 1, 1) for x in (damage.contrast, damage.light, damage.noise))
    lit = ((moved - 0.5) * contrast + 0.5 + light + noise * pattern).clamp(0.0, 1.0)
    coarse = damage.coarseness.view(-1, 1, 1, 1)
    # All are compressed: to choose those that are, a GPU would have to be waited for.
    return torch.where(coarse > 0, compressed(lit, damage.coarseness.clamp(min=_FINE)), lit)


def gaussian_rows(size: int, sigma: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Matrices (B, size, size) that resample a line of pixels with a Gaussian; what lies outside repeats the edge.

    Args:
        size: Pixels.
        sigma: (B,) standard deviations in pixels; hardly blurred are those below .3.
        zoom: (B,) factors, about the centre.
        shift: (B,) pixels.
    """
    place = torch.arange(size, dtype=sigma.dtype, device=sigma.device)
    middle = (size - 1) / 2
    wanted = (middle + shift[:, None] + (place - middle) * zoom[:, None]).clamp(0.0, size - 1.0)
    width = sigma.clamp(min=_SHARP)[:, None, None]
    return (-0.5 * ((wanted[:, :, None] - place) / width).square()).softmax(2)


def compressed(images: Tensor, step: Tensor) -> Tensor:
    """What JPEG does to images (B, C, H, W) in [0, 1]: cosine coefficients of blocks of 8x8 pixels are rounded.

    Args:
        images: In [0, 1].
        step: (B,) what a block's mean is rounded to, times 8; fine detail is rounded to multiples of 8 times as much.
    """
    height, width = images.shape[-2:]
    whole = F.pad(images, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    shape = (*whole.shape[:2], whole.shape[2] // _BLOCK, _BLOCK, whole.shape[3] // _BLOCK, _BLOCK)
    blocks = whole.reshape(shape).transpose(3, 4)
    basis = _cosines(images)
    order = torch.arange(_BLOCK, dtype=images.dtype, device=images.device)
    steps = step.view(-1, 1, 1, 1, 1, 1) * (1 + (order[:, None] + order) / 2)
    rounded = ((basis @ blocks @ basis.T) / steps).round() * steps
    joined = (basis.T @ rounded @ basis).transpose(3, 4).reshape(whole.shape)
    return joined[:, :, :height, :width].clamp(0.0, 1.0)


def hidden(images: Tensor, side: float, draw: Tensor, foreign: Tensor) -> Tensor:
    """Images (B, C, H, W) of which a rectangle shows something else: one colour, or a piece of another image.

    Args:
        images: In [0, 1].
        side: Longest side, relative to the image's.
        draw: See `Draws.hole`.
        foreign: The other images.
    """
    height, width = images.shape[-2:]
    inside = [
        ((torch.arange(size, device=images.device) / size - middle[:, None]).abs() < side / 2 * half[:, None])
        for size, middle, half in ((height, draw[0], draw[1]), (width, draw[2], draw[3]))
    ]
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    colour = draw[5:].T[:, :, None, None]
    foreign = foreign.roll((height // 3, width // 3), (2, 3))
    return torch.where(hole, torch.where((draw[4] < 0.5)[:, None, None, None], colour, foreign), images)


def _cosines(like: Tensor) -> Tensor:
    """(8, 8) the orthonormal discrete cosine transform of a line."""
    order = torch.arange(_BLOCK, dtype=like.dtype, device=like.device)
    basis: Tensor = (torch.pi / _BLOCK * (order + 0.5) * order[:, None]).cos() * (2 / _BLOCK) ** 0.5
    basis[0] /= 2**0.5
    return basis
