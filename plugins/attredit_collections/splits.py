"""Which rows make which split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from attredit.data import split_of
from attredit.errors import DataError
from attredit_collections.problems import Problems

SPLITS = ("train", "valid", "test")


def rows_by_split(
    assigned: Sequence[str], names: Iterable[str], labels: np.ndarray, problems: Problems
) -> dict[str, np.ndarray]:
    """Row numbers of every split that has rows; a collection that is all of one is divided, stratified by its labels.

    Args:
        assigned: The split of each row; "" for all where none is said.
        names: Of the rows, which decide where they go when none is said.
        labels: (N, n) integers.
        problems: Told of splits that are hardly any.

    Raises:
        DataError: there are splits, and none is for training.
    """
    divided = set(assigned) <= {"", "train"}
    if divided:
        assigned = split_of(list(names), labels).tolist()
    column = np.array(assigned, dtype=object)
    found = {split: np.flatnonzero(column == split) for split in SPLITS}
    found = {split: rows for split, rows in found.items() if len(rows)}
    if "train" not in found:
        raise DataError(f"{problems.where} has no images to train with, only {', '.join(found)}.", "Add a train split.")
    if not divided:
        problems.add("splits of a single image", [split for split, rows in found.items() if len(rows) == 1])
    return found
