"""The order of the data, as a pure function of seed and step: nothing to save, nothing to restore."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def indices_of_step(n: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Which images make the global batch of a step: (batch_size,) integers.

    The order is an endless concatenation of epochs, each a permutation of all n images; a batch may straddle two.
    """
    first = step * batch_size
    positions = np.arange(first, first + batch_size)
    epochs, offsets = np.divmod(positions, n)
    if epochs[0] == epochs[-1]:
        chosen: np.ndarray = _permutation(n, seed, int(epochs[0]))[offsets]
        return chosen
    return np.array([_permutation(n, seed, int(e))[o] for e, o in zip(epochs, offsets, strict=True)])


@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n)
