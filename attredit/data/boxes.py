"""Boxes: where in an image the face is, or whatever the model is to see, as people and tables tell it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

BOX = "box"
"""The column of a data set that holds them, four whole numbers each."""

HINT = "A box is left, top, width and height, in pixels of the image as it is shown, after any rotation by EXIF."

NONE, NO_NUMBERS, NO_SIZE = "no box", "a box that is not four numbers", "a box of no size"

# Far beyond any image; what is larger might not even fit into a column.
_MOST = 1e9


class Box(NamedTuple):
    """A rectangle of an image as it is shown, after any rotation by EXIF; whole pixels. It may reach beyond the image.

    Attributes:
        left: Of its first column.
        top: Of its first row.
        width: At least 1.
        height: At least 1.
    """

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


def box_of(values: Any) -> Box | str:
    """The box that four numbers, or texts of numbers, are; or why they are none: `NONE`, `NO_NUMBERS` or `NO_SIZE`.

    Of fractions, it is the smallest one of whole pixels that holds theirs.
    """
    if _is_missing(values):
        return NONE
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != 4:
        return NO_NUMBERS
    if all(map(_is_missing, values)):
        return NONE
    try:
        left, top, width, height = (float(value) for value in values)
    except (TypeError, ValueError):
        return NO_NUMBERS
    if not all(abs(number) < _MOST for number in (left, top, width, height)):  # nor is one that is not a number
        return NO_NUMBERS
    if min(width, height) < 1:
        return NO_SIZE
    first, upper = math.floor(left), math.floor(top)
    return Box(first, upper, math.ceil(left + width) - first, math.ceil(top + height) - upper)


def _is_missing(value: Any) -> bool:
    """None, a number that is none, or a text without anything in it."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))
