"""Random numbers by address: what stands at (seed, split, face, stream, slot) depends on nothing else.

That is what lets any worker draw any face, and lets one attribute change while all the rest keeps its numbers. A hash
instead of a generator object, because it answers for thousands of faces in one NumPy expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

SLOTS = 24
"""Numbers in a stream: more than any sampler of `factors` or `styles` takes."""

_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniforms(seed: int, split: int, faces: NDArray[np.int64], streams: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) of shape (*s, SLOTS), s being what `faces` and `streams` broadcast to.

    Args:
        seed: Of the data set, not negative.
        split: Number of the split.
        faces: Numbers of faces within the split.
        streams: Numbers of streams; each has SLOTS numbers of its own for each face.
    """
    key = _mix(np.full(1, seed, np.uint64) + _STEP)
    for part in (np.full(1, split), faces, streams):
        key = _mix((key ^ part.astype(np.uint64)) + _STEP)
    slots = np.arange(1, SLOTS + 1, dtype=np.uint64) * _STEP
    return (_mix(key[..., None] + slots) >> np.uint64(11)).astype(np.float64) * 2.0**-53


class Draws:
    """Reads one stream from its start; samplers take what they need, in the order in which they are written.

    Args:
        numbers: Numbers in [0, 1), at most SLOTS.
    """

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = iter(numbers)

    def between(self, low: float, high: float) -> float:
        """A number, uniform in [low, high)."""
        return low + (high - low) * next(self._numbers)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return next(self._numbers) < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(next(self._numbers) * len(options))]

    def blend(self, anchors: Sequence[Colour], spread: float = 0.0) -> Colour:
        """A colour between two neighbours of `anchors`, each channel then moved by up to `spread`."""
        position = self.between(0.0, len(anchors) - 1.0)
        first, share = int(position), position - int(position)
        pairs = zip(anchors[first], anchors[first + 1], strict=True)
        red, green, blue = (a + (b - a) * share + self.between(-spread, spread) for a, b in pairs)
        return red, green, blue

    def near(self, anchors: Sequence[Colour], spread: float = 0.0) -> Colour:
        """One of the colours, each channel moved by up to `spread`."""
        red, green, blue = (c + self.between(-spread, spread) for c in self.pick(anchors))
        return red, green, blue
