"""Whom photographs show, where the source knows it: partners for the network that tells persons apart.

A partner is another photograph of the same person. Persons that are in any other split than the training one take no
part in the training.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from attredit.data import Store
from attredit.data.source import DataSource
from attredit.data.subset import as_images
from attredit.errors import DataError, PluginError

_SEED = 20170711
Persons = list[str | None]


def persons_of(source: DataSource, split: str) -> Persons | None:
    """Whom each row of a split shows, None where nobody knows; None where the source knows no persons.

    Raises:
        PluginError: the source says something of another number of rows.
    """
    told = getattr(source, "persons", None)
    found = None if told is None else told(split)
    if found is None:
        return None
    if len(found) != len(source.open(split)):
        raise PluginError(f"The data source names {len(found)} persons in split {split}, which has other rows.")
    return [None if person is None else str(person) for person in found]


def rows_by_person(store: Store, source: DataSource, persons: Persons, fewest: int) -> list[np.ndarray]:
    """Rows of a training split of every person who has two images or more there, and none in another split.

    Args:
        store: The prepared split.
        source: Knows who is in the others.
        persons: Of each row of the source's split.
        fewest: So many persons there must be.

    Raises:
        DataError: they are fewer.
    """
    others = {person for split in source.splits if split != "train" for person in persons_of(source, split) or ()}
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(persons[row] for row in store.rows):
        if person is not None and person not in others:
            rows.setdefault(person, []).append(row)
    groups = [np.array(group) for group in rows.values() if len(group) > 1]
    if len(groups) < fewest:
        what = f"{len(groups)} persons have two training images or more and are in no other split"
        raise DataError(f"{what}, too few to tell persons apart.", f"{fewest} are needed.")
    return groups


def photographs(store: Store, groups: list[np.ndarray], count: int) -> Callable[[], Tensor]:
    """What draws one photograph each of so many persons, and then another one of each: (2 count, C, H, W)."""
    order = np.random.default_rng(_SEED)

    def pairs() -> Tensor:
        chosen = order.choice(len(groups), count, replace=False)
        rows = np.stack([order.choice(groups[i], 2, replace=False) for i in chosen], axis=1)
        return as_images(store, rows.ravel())

    return pairs
