"""The order of the data, as a pure function of seed and step: nothing to save, nothing to restore."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def indices_of_step(n: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Which images make the global batch of a step: (batch_size,) int64.

    The order is an endless concatenation of epochs, each a permutation of all n images; a batch may straddle two, or
    hold several when n is smaller.

    Args:
        n: Number of images, from 1.
        batch_size: Images a step over all processes, from 1.
        seed: Not negative.
        step: From 0.
    """
    first = step * batch_size
    epochs, offsets = np.divmod(np.arange(first, first + batch_size), n)
    if epochs[0] == epochs[-1]:
        chosen: np.ndarray = _permutation(n, seed, int(epochs[0]))[offsets]
        return chosen
    return np.array([_permutation(n, seed, int(e))[o] for e, o in zip(epochs, offsets, strict=True)])


# Two, for batches that straddle epochs; CelebA's is 1.6 MB.
@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n)
