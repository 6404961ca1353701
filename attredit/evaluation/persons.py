"""Identity on photographs of which the source knows whom they show: a network trained to tell these persons apart.

Like that of drawn faces it finds each image's partner among the batch's (InfoNCE); here the partner is another
photograph of the same person. Persons that are in any other split than the training one take no part in the training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attredit.data import Store
from attredit.data.source import DataSource
from attredit.data.subset import as_images
from attredit.errors import DataError, PluginError
from attredit.evaluation.identity import Identity, IdentitySettings, kept_of, learn
from attredit.evaluation.judge_networks import StridedNetwork

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


def identity_of_persons(
    store: Store,
    source: DataSource,
    persons: Persons,
    *,
    cache: Path,
    device: torch.device,
    settings: IdentitySettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Identity:
    """The identity network of a training split of photographs: from the cache, or trained now.

    Args:
        store: The prepared training split.
        source: Knows who is in the other splits.
        persons: Of each row of the source's training split.
        cache: Directory that holds ``identities/``.
        device: Where to train and to measure.
        settings: How to train.
        progress: Told of (steps done, steps in all).

    Raises:
        DataError: too few persons have two photographs or more.
        RunError: what is in the cache is damaged, or cannot be written.
    """
    settings = settings or IdentitySettings()
    others = {person for split in source.splits if split != "train" for person in persons_of(source, split) or ()}
    groups = _groups([persons[row] for row in store.rows], others)
    if len(groups) < settings.batch_size:
        what = f"{len(groups)} persons have two training images or more and are in no other split"
        raise DataError(f"{what}, too few to tell persons apart.", f"{settings.batch_size} are needed.")
    chosen = hashlib.sha256(json.dumps([group.tolist() for group in groups]).encode()).hexdigest()
    tell = progress or (lambda done, total: None)
    return kept_of(
        store, settings, cache, device, {"persons": chosen}, lambda: _fit(store, groups, settings, device, tell)
    )


def _groups(persons: Persons, others: set[str | None]) -> list[np.ndarray]:
    """Rows of every person who has two images or more, and is none of the others."""
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(persons):
        if person is not None and person not in others:
            rows.setdefault(person, []).append(row)
    return [np.array(group) for group in rows.values() if len(group) > 1]


def _fit(
    store: Store,
    groups: list[np.ndarray],
    settings: IdentitySettings,
    device: torch.device,
    progress: Callable[[int, int], None],
) -> StridedNetwork:
    """Train on two photographs each of as many persons as a batch holds."""
    order = np.random.default_rng(_SEED)

    def pairs() -> Tensor:
        chosen = order.choice(len(groups), settings.batch_size, replace=False)
        rows = np.stack([order.choice(groups[i], 2, replace=False) for i in chosen], axis=1)
        return as_images(store, rows.ravel())

    return learn(store, settings, device, pairs, progress)
