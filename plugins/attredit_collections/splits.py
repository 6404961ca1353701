"""Which rows make which split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit.data import split_of
from attredit.data.huggingface import SPLIT_NAMES
from attredit.errors import DataError
from attredit_collections.columns import names_splits
from attredit_collections.problems import Problems
from attredit_collections.tables import texts_of

if TYPE_CHECKING:
    import pandas as pd

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


def split_column(table: pd.DataFrame, where: str) -> tuple[str, list[str]]:
    """The column that says which split each row belongs to, and what it says; "" and [] without one.

    It is called split, in any case; or it is called as one that may say it, and says nothing but names of splits.

    Raises:
        DataError: a column called split knows others; or there are two.
    """
    exact = [str(name) for name in table.columns if str(name).lower() == "split"]
    likely = [str(name) for name in table.columns if names_splits(name) and _says_splits(table[name])]
    found = exact or likely
    if len(found) > 1:
        raise DataError(f"In {where}, {' and '.join(found)} both name the splits.", "Rename one of these columns.")
    if not found:
        return "", []
    written = texts_of(table[found[0]])
    for name in sorted(set(written)):
        if name.lower() not in SPLIT_NAMES:
            known = ", ".join(SPLIT_NAMES)
            raise DataError(f"Column {found[0]} of {where} has {name!r}.", f"It knows {known}.")
    return found[0], [SPLIT_NAMES[name.lower()] for name in written]


def _says_splits(column: pd.Series[Any]) -> bool:
    said = {text.lower() for text in texts_of(column)}
    return said <= set(SPLIT_NAMES) and "train" in {SPLIT_NAMES[name] for name in said}
