"""Which images of a split are looked at, and those images as tensors."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from attredit.data import Store
from attredit.errors import UsageError


def as_images(store: Store, indices: np.ndarray) -> Tensor:
    """Rows of a store as (B, C, H, W) float in [0, 1]."""
    return store.batch(indices).float() / 255.0


def spread(n: int, most: int | None) -> np.ndarray:
    """At most `most` of n rows, evenly spread: splits may be sorted, so the first ones are no sample.

    >>> spread(10, 4).tolist()
    [0, 2, 5, 7]

    Raises:
        UsageError: fewer than one is asked for.
    """
    if most is not None and most < 1:
        raise UsageError(f"{most} images cannot be evaluated.", "Ask for one or more.")
    count = n if most is None else min(n, most)
    return np.arange(count) * n // max(count, 1)


def some_images(store: Store, most: int) -> np.ndarray:
    """At most so many rows of a store, from the first to the last, and no more than are 2^28 values: 1 GB as floats."""
    count = max(1, min(len(store), most, 2**28 // store.images[0].size))
    return np.unique(np.linspace(0, len(store) - 1, count).astype(np.int64))
