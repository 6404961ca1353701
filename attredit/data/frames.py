"""Frames: the square of an image that a model sees; it may be turned, end between pixels, and reach beyond."""

from __future__ import annotations

from math import ceil, cos, floor, radians, sin
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Places = TypeVar("Places", float, np.ndarray, Tensor)

Bounds = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; they may reach beyond the image."""


class Frame(NamedTuple):
    """A square of an image as it is shown, after any rotation by EXIF; lengths are in pixels.

    Pixels are squares of side 1: the middle of the upper left one lies at .5, .5.

    Attributes:
        x: Of its centre, from the image's left.
        y: Of its centre, from the image's top.
        side: More than 0.
        angle: By how many degrees it is turned clockwise.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    @classmethod
    def within(cls, bounds: Bounds) -> Frame:
        """The upright one of these bounds, whose sides are equal."""
        left, top, right, bottom = bounds
        return cls((left + right) / 2, (top + bottom) / 2, right - left)

    @property
    def bounds(self) -> Bounds | None:
        """Where it begins and ends; None where it is turned, or ends between pixels."""
        left, top = self.x - self.side / 2, self.y - self.side / 2
        if self.angle or not all(float(number).is_integer() for number in (left, top, self.side)):
            return None
        return int(left), int(top), int(left + self.side), int(top + self.side)

    @property
    def hull(self) -> Bounds:
        """The smallest bounds that hold all of it."""
        x, y = zip(*self.corners, strict=True)
        return floor(min(x)), floor(min(y)), ceil(max(x)), ceil(max(y))

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Upper left, upper right, lower right, lower left, as the model sees it: places in the image."""
        return tuple(self.place(u, v) for u, v in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)))

    def place(self, u: Places, v: Places) -> tuple[Places, Places]:
        """Where in the image places of the frame lie, of which it holds those from -1 to 1."""
        across, down = self._axes
        return self.x + across * u - down * v, self.y + down * u + across * v

    def seen(self, x: Places, y: Places) -> tuple[Places, Places]:
        """The inverse of `place`."""
        across, down = (axis * 4.0 / self.side**2 for axis in self._axes)
        return across * (x - self.x) + down * (y - self.y), across * (y - self.y) - down * (x - self.x)

    @property
    def _axes(self) -> tuple[float, float]:
        """How far right and down the middle of its right side lies from its centre."""
        return self.side / 2 * cos(radians(self.angle)), self.side / 2 * sin(radians(self.angle))
