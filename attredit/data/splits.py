"""Splits for a source that has none: no person in two of them, of each kind its share, the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from attredit.errors import DataError, UsageError

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


def split_of(units: Sequence[str], labels: np.ndarray, shares: Mapping[str, float] = SHARES) -> np.ndarray:
    """The split of each image: (N,) names.

    Units are grouped by their labels (for several images, the most frequent of each attribute) and put in the order of
    a hash of their names; each group is cut where the shares say. The first cut falls at a place that is a hash of the
    labels, so that groups of one are divided by the shares, too. Hence:

    - The order of the images does not matter, and every machine makes the same splits.
    - Of each group, a split has its share of images up to one unit: where units are images, rounded up or down. With so
      many attributes that most combinations are unique, that is no more than chance; then give the labels that matter.
    - Each image that is added, if it is a unit of its own, moves at most one other across each cut, one of the same
      labels. Other names, labels or attributes make new splits.

    A split can come out empty where there are few images.

    Args:
        units: Of each image (N,), the name of what must not be divided: whom it shows, or else its own file.
        labels: (N, k) integers of the attributes to stratify by; k may be 0.
        shares: Of each split; they add up to 1.

    Raises:
        DataError: no images.
        UsageError: a share is not positive, or they do not add up to 1.
    """
    if len(units) == 0:
        raise DataError("There are no images to split.", "Give at least one.")
    if min(shares.values(), default=0) <= 0 or not np.isclose(sum(shares.values()), 1):
        raise UsageError(f"{dict(shares)} cannot be the shares of splits.", "Give positive ones that add up to 1.")
    numbers: dict[str, int] = {}
    owners = np.array([numbers.setdefault(unit, len(numbers)) for unit in units])
    sizes, places = np.bincount(owners), np.array([_hash(f"unit {unit}") for unit in numbers])
    typical = [np.zeros(len(numbers), np.int64), *(_most_frequent(column, owners) for column in labels.T)]
    kinds, groups = np.unique(np.stack(typical, axis=1), axis=0, return_inverse=True)
    order = np.lexsort((places, groups.reshape(-1)))
    group, size = groups.reshape(-1)[order], sizes[order]
    totals = np.bincount(group, size)
    ends = np.cumsum(size) - (np.cumsum(totals) - totals)[group]
    starts = np.array([_hash(f"labels {kind[1:]}") for kind in kinds.tolist()])
    # Systematic sampling: a cut through a unit gives it to one side or the other, as often as its share of it.
    at = (ends - (1 - starts[group]) * size) / totals[group]
    chosen = np.empty(len(numbers), np.int64)
    chosen[order] = np.searchsorted(np.cumsum(list(shares.values()))[:-1], at, side="right")
    found: np.ndarray = np.array(list(shares))[chosen[owners]]
    return found


def _most_frequent(labels: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Of labels (N,), each owner's most frequent one; the least of several."""
    values, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((owners.max() + 1, len(values)), np.int64)
    np.add.at(counts, (owners, column), 1)
    found: np.ndarray = values[counts.argmax(1)]
    return found


def _hash(text: str) -> float:
    """A number in [0, 1)."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
