"""The order of the data, as a pure function of seed and step: nothing to save, nothing to restore."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial

import numpy as np

from attredit.attributes import MISSING
from attredit.data.store import Store
from attredit.errors import DataError


class Order:
    """Which images make each step's batch, in turn from one or several groups.

    The order is an endless sequence, of which a batch is a slice. Position p belongs to group p modulo their number, so
    groups are equally frequent, up to one image, in every slice: a batch, and each process's share of it. Within a
    group it is a concatenation of passes, each a permutation of the group's images, so none is seen again before all
    have been seen. One group of all images gives ordinary epochs.

    Args:
        groups: Rows of each group, one or more; each has one or more rows.
        batch_size: B: images a step, over all processes.
        seed: Of the permutations.
    """

    def __init__(self, groups: Sequence[np.ndarray], batch_size: int, seed: int) -> None:
        self.groups, self.batch_size = groups, batch_size
        # A group's own memory, because a small group goes through many passes in one batch.
        self._pass = [lru_cache(maxsize=2)(partial(_permutation, rows, seed, g)) for g, rows in enumerate(groups)]

    def indices(self, step: int) -> np.ndarray:
        """Rows of the global batch of a step: (B,) integers."""
        positions = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        turns, owners = np.divmod(positions, len(self.groups))
        chosen = np.empty(self.batch_size, np.int64)
        for group in np.unique(owners):
            mine = np.flatnonzero(owners == group)
            passes, offsets = np.divmod(turns[mine], len(self.groups[group]))
            for number in np.unique(passes):
                at = passes == number
                chosen[mine[at]] = self._pass[group](int(number))[offsets[at]]
        return chosen


def groups_of(labels: np.ndarray) -> list[np.ndarray]:
    """Rows (n_g,) of each combination of labels (N, k) that occurs; of all images, where k is 0.

    Images of which a label is missing are in no group: nobody knows in which, and in one of their own they would be
    drawn as often as all of another, however few they are.

    Raises:
        DataError: no image has all labels.
    """
    if labels.shape[1] == 0:
        return [np.arange(len(labels))]
    known = np.flatnonzero((labels != MISSING).all(1))
    if not len(known):
        raise DataError("No image has a label of every attribute to balance.", "Balance on fewer, or on others.")
    _, owners, counts = np.unique(labels[known], axis=0, return_inverse=True, return_counts=True)
    # One sort, because of many attributes nearly every combination is its own.
    return np.split(known[np.argsort(owners.reshape(-1), kind="stable")], np.cumsum(counts)[:-1])


def prevalence_of(
    store: Store, names: Iterable[str], balance: Iterable[str] = ()
) -> dict[str, dict[str, tuple[float, float]]]:
    """How frequent each value of these attributes is: its share of the images that have a label, and in batches.

    Args:
        store: A split in which every value has an example; see `require_classes`.
        names: Attributes.
        balance: Attributes whose combinations of values are equally frequent in batches.

    Raises:
        UsageError: an unknown attribute.
        DataError: no image has all labels that are to be balanced.
    """
    groups, result = groups_of(store.label_columns(balance)), {}
    for name in names:
        values = store.schema.attributes[store.schema.index(name)].values
        labels = store.label_columns([name])
        # The last column says who has a label.
        found = np.concatenate([labels == np.arange(len(values)), labels != MISSING], axis=1)
        own, seen = found.mean(0), np.mean([found[rows].mean(0) for rows in groups], axis=0)
        shares = zip((own / own[-1]).tolist(), (seen / seen[-1]).tolist(), strict=True)
        result[name] = dict(zip(values, list(shares)[:-1], strict=True))
    return result


def missing_of(store: Store, names: Iterable[str]) -> dict[str, int]:
    """How many labels of these attributes are missing; those of which none is, are left out.

    Raises:
        UsageError: an unknown attribute.
    """
    counts = {name: int((store.label_columns([name]) == MISSING).sum()) for name in names}
    return {name: count for name, count in counts.items() if count}


def _permutation(rows: np.ndarray, seed: int, group: int, number: int) -> np.ndarray:
    """One pass over a group."""
    order: np.ndarray = np.random.default_rng([seed, number, group]).permutation(rows)
    return order
