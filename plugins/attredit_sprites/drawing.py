"""One sprite as an image: a polygon's outline and pale inside on a background that fades from one colour to another.

Coordinates: x to the right, y down, the image spans [-1, 1] in both. Colours are red, green and blue in [0, 1].
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Part of the fingerprint: increased whenever the same numbers would give another image."""

Array = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]


def _around(*radii: float, corners: int) -> Array:
    """(corners, 2) points around the origin from the top clockwise, at radii that take turns."""
    turns = [(i * 2 * math.pi / corners, radii[i % len(radii)]) for i in range(corners)]
    return np.array([(r * math.sin(angle), -r * math.cos(angle)) for angle, r in turns])


_SIDE = 0.86
SHAPES = {
    "circle": _around(1.0, corners=36),
    "square": np.array([(-_SIDE, -_SIDE), (_SIDE, -_SIDE), (_SIDE, _SIDE), (-_SIDE, _SIDE)]),
    "triangle": _around(1.2, corners=3) + np.array([0.0, 0.2]),
    "star": _around(1.2, 0.52, corners=10),
}
COLOURS: dict[str, Colour] = {
    "red": (0.86, 0.15, 0.18),
    "green": (0.10, 0.58, 0.24),
    "blue": (0.13, 0.30, 0.84),
    "violet": (0.58, 0.16, 0.72),
}


class Sprite(NamedTuple):
    """All that an image shows.

    Attributes:
        shape: One of `SHAPES`.
        colour: Of the outline.
        width: Of the outline.
        slant: How far the top leans to the right, per unit of height.
        centre: Where the shape's origin lies.
        scale: Length of the shape's unit.
        turn: Tangent of half the angle by which it is turned clockwise.
        background: Colours at the two ends.
        fade: Direction from the one end to the other; of length 1.
    """

    shape: str
    colour: Colour
    width: float
    slant: float
    centre: tuple[float, float]
    scale: float
    turn: float
    background: tuple[Colour, Colour]
    fade: tuple[float, float]


def draw(sprite: Sprite, size: int) -> NDArray[np.uint8]:
    """The image (size, size, 3). An edge is one pixel wide: a pixel shows as much as the shape covers of it."""
    line = ((np.arange(size) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
    x, y = line[None, :], line[:, None]
    first, last = (np.array(colour, np.float32) for colour in sprite.background)
    share = 0.5 + 0.35 * (x * sprite.fade[0] + y * sprite.fade[1])
    image = first + (last - first) * share[..., None]
    distance, pixel = _distance(_corners(sprite), x, y), 2.0 / size
    colour = np.array(sprite.colour, np.float32)
    for cover, paint in ((distance, 0.45 * colour + 0.55), (np.abs(distance) - sprite.width / 2, colour)):
        image += (paint - image) * np.clip(0.5 - cover / pixel, 0.0, 1.0)[..., None]
    pixels: NDArray[np.uint8] = (image * 255.0 + 0.5).astype(np.uint8)
    return pixels


def _corners(sprite: Sprite) -> Array:
    """(E, 2) corners on the canvas. They are slanted rather than the image, so that outlines keep their width."""
    x, y = SHAPES[sprite.shape].T
    x = x - sprite.slant * y
    cos, sin = (1 - sprite.turn**2) / (1 + sprite.turn**2), 2 * sprite.turn / (1 + sprite.turn**2)
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
    corners: Array = (turned * sprite.scale + np.array(sprite.centre)).astype(np.float32)
    return corners


def _distance(corners: Array, x: Array, y: Array) -> Array:
    """(H, W) distances to a polygon's outline, negative inside: where a ray crosses it an odd number of times."""
    nearest: Array = np.full((y.size, x.size), np.inf, np.float32)
    inside = np.zeros(nearest.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey, u, v = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((u * ex + v * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        np.minimum(nearest, (u - along * ex) ** 2 + (v - along * ey) ** 2, out=nearest)
        inside ^= ((ay > y) != (by > y)) & ((u * ey < v * ex) == (ey > 0))
    distance: Array = np.sqrt(nearest)
    return np.where(inside, -distance, distance)
