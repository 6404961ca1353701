"""Shapes as signed distance functions, and the canvas on which they are painted one over the other.

Everything per pixel uses only + - * /, square root, minimum and maximum in float32: operations that IEEE 754 rounds
the same way on every processor, so the same seed gives the same bytes.

Coordinates: x to the right, y down; the canvas spans [-1, 1] in both, a `Frame` moves, turns and scales them. Distances
are in the units of the frame, negative inside. Arrays are (h, w) for coordinates and distances, (3, h, w) for colours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attredit_synthfaces.streams import Colour

Array = NDArray[np.floating[Any]]
"""Always float32, which the stubs of NumPy lose sight of."""


class Patch(NamedTuple):
    """A window of the canvas that a shape is evaluated in.

    Attributes:
        x: (h, w) coordinates in the frame.
        y: (h, w) likewise.
        rgb: (3, h, w) view of the canvas.
        pixel: Side of a pixel in units of the frame.
    """

    x: Array
    y: Array
    rgb: Array
    pixel: float

    def paint(self, distance: Array, colour: Colour | Array, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Cover the inside of a shape: the edge is one pixel wide, or `soft` units if that is more.

        A hard edge of one pixel's width is the share of the pixel that the shape covers, hence no jagged edges.
        """
        cover = distance * (-1.0 / max(self.pixel, soft))
        cover += 0.5
        np.maximum(cover, 0.0, out=cover)
        np.minimum(cover, 1.0, out=cover)
        if soft > self.pixel:
            cover *= cover * (3.0 - 2.0 * cover)
        if opacity != 1.0:
            cover *= opacity
        change = flat(colour) - self.rgb
        change *= cover
        self.rgb[...] += change


class Frame:
    """A coordinate system on a canvas.

    Args:
        canvas: (3, S, S), painted in place.
        dx: Where the frame's origin lies on the canvas.
        dy: Likewise.
        scale: Canvas units per unit of the frame.
        tilt: Tangent of half the angle by which the frame is turned clockwise: sine and cosine follow by division.
    """

    def __init__(self, canvas: Array, dx: float = 0.0, dy: float = 0.0, scale: float = 1.0, tilt: float = 0.0) -> None:
        size = canvas.shape[1]
        self.canvas, self.pixel, self._origin, self._scale = canvas, 2.0 / size / scale, (dx, dy), scale
        self._cos, self._sin = (1 - tilt * tilt) / (1 + tilt * tilt), 2 * tilt / (1 + tilt * tilt)
        line = (np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0
        u, v = ((line - dx) / scale)[None, :], ((line - dy) / scale)[:, None]
        self.x: Array = u * self._cos + v * self._sin
        self.y: Array = v * self._cos - u * self._sin

    def patch(self, left: float, top: float, right: float, bottom: float) -> Patch:
        """The window around a box given in the frame's units; empty where the box lies outside the canvas."""
        size = self.canvas.shape[1]
        corners = [(x, y) for x in (left, right) for y in (top, bottom)]
        us = [self._origin[0] + self._scale * (x * self._cos - y * self._sin) for x, y in corners]
        vs = [self._origin[1] + self._scale * (x * self._sin + y * self._cos) for x, y in corners]
        columns, rows = _span(us, size), _span(vs, size)
        return Patch(self.x[rows, columns], self.y[rows, columns], self.canvas[:, rows, columns], self.pixel)

    def around(self, x: float, y: float, rx: float, ry: float) -> Patch:
        """The window around a centre, with half extents."""
        return self.patch(x - rx, y - ry, x + rx, y + ry)


def _span(ends: list[float], size: int) -> slice:
    """The pixels between the extremes of canvas coordinates, one more on either side for the soft edge."""
    low, high = (min(ends) + 1) * size / 2 - 1, (max(ends) + 1) * size / 2 + 2
    return slice(max(0, int(low)), max(0, min(size, int(high))))


def flat(colour: Colour | Array) -> Array:
    """A colour as an array that broadcasts over (3, h, w)."""
    return np.array(colour, np.float32).reshape(3, 1, 1) if isinstance(colour, tuple) else colour


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` of the way from the first to the second."""
    a, b, c = (p + (q - p) * share for p, q in zip(first, second, strict=True))
    return a, b, c


def dim(colour: Colour, factor: float, red: float = 1.0) -> Colour:
    """The colour made darker by a factor; `red` above 1 keeps a dark skin or hair warm."""
    return colour[0] * factor * red, colour[1] * factor, colour[2] * factor


def light(colour: Colour, share: float) -> Colour:
    """The colour moved towards white."""
    return mix(colour, (1.0, 1.0, 1.0), share)


def smooth(value: Array, low: float, high: float) -> Array:
    """0 below low, 1 above high, without kinks in between."""
    t: Array = np.minimum(np.maximum((value - low) * (1.0 / (high - low)), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def zigzag(value: Array, period: float) -> Array:
    """A wave between 0 and 1: 1 at multiples of the period, 0 half way, straight in between."""
    wave: Array = np.abs(value % period * (2.0 / period) - 1.0)
    return wave


def both(*distances: Array) -> Array:
    """Distance to what lies inside all of the shapes."""
    result = distances[0]
    for distance in distances[1:]:
        result = np.maximum(result, distance)
    return result


def either(*distances: Array) -> Array:
    """Distance to what lies inside any of the shapes."""
    result = distances[0]
    for distance in distances[1:]:
        result = np.minimum(result, distance)
    return result


def circle(x: Array, y: Array, cx: float, cy: float, r: float) -> Array:
    """Distance to a circle."""
    u, v = x - cx, y - cy
    distance: Array = np.sqrt(u * u + v * v) - r
    return distance


def ellipse(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float) -> Array:
    """Distance to an ellipse, to first order near its edge."""
    u, v = (x - cx) * (1.0 / rx), (y - cy) * (1.0 / ry)
    u2, v2 = u * u, v * v
    k = np.sqrt(u2 + v2)
    distance: Array = k * (k - 1.0) / (np.sqrt(u2 * (1.0 / rx**2) + v2 * (1.0 / ry**2)) + 1e-6)
    return distance


def box(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, r: float = 0.0) -> Array:
    """Distance to an upright box with half sides rx and ry, corners rounded with radius r."""
    u, v = np.abs(x - cx) - (rx - r), np.abs(y - cy) - (ry - r)
    outside_u, outside_v = np.maximum(u, 0.0), np.maximum(v, 0.0)
    outside = np.sqrt(outside_u * outside_u + outside_v * outside_v)
    distance: Array = outside + np.minimum(np.maximum(u, v), 0.0) - r
    return distance


def segment(x: Array, y: Array, a: tuple[float, float], b: tuple[float, float], ra: float, rb: float) -> Array:
    """Distance to a line from a to b with round ends, as thick as radius ra at a and rb at b."""
    bx, by = b[0] - a[0], b[1] - a[1]
    u, v = x - a[0], y - a[1]
    t = np.minimum(np.maximum((u * bx + v * by) * (1.0 / (bx * bx + by * by + 1e-9)), 0.0), 1.0)
    u, v = u - t * bx, v - t * by
    distance: Array = np.sqrt(u * u + v * v) - (ra + (rb - ra) * t)
    return distance


def lens(x: Array, y: Array, c: tuple[float, float], w: float, end: float, top: float, bottom: float) -> Array:
    """Distance to what lies between two parabolas that meet at c[0] +- w: lips, eyelids, brows, moustaches.

    Args:
        x: (h, w) coordinates.
        y: Likewise.
        c: Centre.
        w: Half width.
        end: Height of the ends below c[1].
        top: Height of the upper parabola's middle below c[1].
        bottom: Height of the lower one's.
    """
    s = (x - c[0]) * (1.0 / w)
    rest = 1.0 - s * s
    high, low = (top - end) * 2.0 / w, (bottom - end) * 2.0 / w
    v = y - (c[1] + end)
    above = ((top - end) * rest - v) / np.sqrt(1.0 + (high * high) * (s * s))
    below = (v - (bottom - end) * rest) / np.sqrt(1.0 + (low * low) * (s * s))
    return both(above, below)


def arc(x: Array, y: Array, c: tuple[float, float], w: float, end: float, mid: float, r: float) -> Array:
    """Distance to a line along a parabola, 2r thick in the middle and thinner towards its ends at c[0] +- w."""
    s = (x - c[0]) * (1.0 / w)
    slope = (mid - end) * 2.0 / w
    s2 = s * s
    v = np.abs(y - (c[1] + end) - (mid - end) * (1.0 - s2)) / np.sqrt(1.0 + (slope * slope) * s2)
    return both(v - r * (1.0 - 0.6 * s2), np.abs(x - c[0]) - w)


def circles(x: Array, y: Array, spots: list[tuple[float, float, float]]) -> Array:
    """Distance to the union of circles (cx, cy, r)."""
    nearest = circle(x, y, *spots[0])
    for spot in spots[1:]:
        np.minimum(nearest, circle(x, y, *spot), out=nearest)
    return nearest
