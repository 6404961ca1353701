"""Boxes in a table: the columns x, y, width and height, or Hugging Face's bbox, a list of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attredit.data import Box, box_of, no_boxes
from attredit.errors import DataError
from attredit_collections.problems import Problems

if TYPE_CHECKING:
    import pandas as pd

_SIDES = {"x": "left of the box", "y": "top of the box", "width": "width of the box", "height": "height of the box"}
_LIST = {"bbox": "the box"}
_HOW = "Give its table the columns x, y, width and height, or bbox, a list of these, in pixels of the image as shown."


def box_columns(names: Iterable[str], where: str) -> Mapping[str, str]:
    """The columns of a table that hold boxes, and what each is.

    Raises:
        DataError: there are none, or twice as many.
    """
    present = set(names)
    found = [columns for columns in (_SIDES, _LIST) if present.issuperset(columns)]
    if not found:
        raise no_boxes(where, _HOW)
    if len(found) > 1:
        raise DataError(f"{where} has boxes in bbox and in x, y, width and height.", "Rename one of these columns.")
    return found[0]


def read_boxes(
    table: pd.DataFrame, columns: Iterable[str], names: Sequence[str], problems: Problems
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have a box, and their boxes.

    Args:
        table: A row per image.
        columns: Those of `box_columns`.
        names: Of the images, for messages.
        problems: Told of rows whose box is none.

    Returns:
        (n,) numbers of rows, and (n, 4) their boxes, int64.

    Raises:
        DataError: no row has one.
    """
    sides = [table[column].tolist() for column in columns]
    written = sides[0] if len(sides) == 1 else list(zip(*sides, strict=True))
    found = [box_of(values) for values in written]
    for reason in dict.fromkeys(box for box in found if not isinstance(box, Box)):
        problems.add(
            f"images with {reason}, left out", [name for name, box in zip(names, found, strict=True) if box == reason]
        )
    rows = [i for i, box in enumerate(found) if isinstance(box, Box)]
    if not rows:
        raise DataError(f"{problems.where} has no image with a box.", " ".join(problems.sentences))
    return np.array(rows), np.array([found[i] for i in rows], np.int64)
