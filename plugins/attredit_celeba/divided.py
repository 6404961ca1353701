"""Copies that are all of one split, as some on the hub are: divided here, for a model has to be tested on something."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attredit.data import split_of
from attredit_celeba.copies import Hub, Parquet
from attredit_celeba.tables import SPLITS

if TYPE_CHECKING:
    from datasets import Dataset


class Divided:
    """A copy whose images are all for training; a hash of each row's number says which are for something else.

    Args:
        whole: The copy.
    """

    def __init__(self, whole: Parquet | Hub) -> None:
        self.whole = whole

    @property
    def names(self) -> tuple[str, ...]:
        """The copy's attributes."""
        return self.whole.names

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that have images."""
        found = set(self._split_of_row.tolist())
        return tuple(split for split in SPLITS if split in found)

    def fingerprint(self) -> str:
        """The copy's."""
        return self.whole.fingerprint()

    def open(self, split: str) -> Dataset:
        """The columns `image` and, per attribute, 0 or 1.

        Raises:
            DataError: as the copy does.
        """
        return self.whole.open("train").select(np.flatnonzero(self._split_of_row == split))

    @cached_property
    def _split_of_row(self) -> np.ndarray:
        """(N,) names of splits. By number alone: hardly two images have the same 40 labels."""
        rows = self.whole.rows("train")
        return split_of([str(row) for row in range(rows)], np.empty((rows, 0), np.int64))


def divided(copy: Parquet | Hub) -> Parquet | Hub | Divided:
    """The copy itself, if it has more than images for training."""
    return Divided(copy) if copy.splits == ("train",) else copy
