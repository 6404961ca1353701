"""Which rows make which split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from attredit.errors import DataError
from attredit_collections.problems import Problems

SPLITS = ("train", "valid", "test")


def split_by_name(name: str) -> str:
    """Where an image goes when nobody says: of 100, 80 to train, 10 to valid and 10 to test, whatever else there is."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100
    return "train" if number < 80 else "valid" if number < 90 else "test"


def rows_by_split(assigned: Sequence[str], names: Iterable[str], problems: Problems) -> dict[str, np.ndarray]:
    """Row numbers of every split that has rows; a collection that is all of one split is divided by name.

    Args:
        assigned: The split of each row; "" for all where none is said.
        names: Of the rows, which decide where they go when none is said.
        problems: Told of splits that are hardly any.

    Raises:
        DataError: there are splits, and none is for training.
    """
    divided = set(assigned) <= {"", "train"}
    if divided:
        assigned = [split_by_name(name) for name in names]
    column = np.array(assigned, dtype=object)
    found = {split: np.flatnonzero(column == split) for split in SPLITS}
    found = {split: rows for split, rows in found.items() if len(rows)}
    if "train" not in found:
        raise DataError(f"{problems.where} has no images to train with, only {', '.join(found)}.", "Add a train split.")
    if not divided:
        problems.add("splits of a single image", [split for split, rows in found.items() if len(rows) == 1])
    return found
