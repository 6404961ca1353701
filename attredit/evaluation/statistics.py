"""Estimates with 95 % intervals.

The unit that varies is the image: what one image says of several attributes is not independent, so everything here
takes a matrix with one row per image and never treats its columns as more images. NaN stands for "this image says
nothing about this column".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054
RESAMPLES = 1000
_BLOCK = 100


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: The figure.
        low: Lower end of the interval; None where there is none.
        high: Upper end.
        n: What it was measured on: images, or verdicts where an image gives several.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        """As evaluation.json has it.

        >>> Estimate(0.5, 0.4, 0.6, 100).to_json()
        {'value': 0.5, 'low': 0.4, 'high': 0.6, 'n': 100}
        """
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def wilson(successes: float, n: float) -> tuple[float, float]:
    """The Wilson score interval (1927) of a share; unlike the textbook one it has a width at 0 and 1.

    Args:
        successes: At most n; need not be whole, see `share`.
        n: Larger than 0.

    >>> [round(end, 2) for end in wilson(13, 16)]
    [0.57, 0.93]
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"{successes} successes of {n}")
    p, z2 = successes / n, Z95 * Z95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # The ends are exactly p at 0 and 1; rounding must not put them on its other side.
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


def share(values: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The weighted mean over columns of each column's share of ones.

    One column gives the plain Wilson interval. Several, of attributes or classes, give Wilson's with the number of
    independent images that would have the same standard error, images being the independent units.

    Args:
        values: (N,) or (N, M) of 0, 1 and NaN; every column says something.
        weights: (M,) of the columns; all the same when None.

    Raises:
        ValueError: a column says nothing.
    """
    matrix, counts, means = _columns(values)
    parts = _weights(weights, matrix.shape[1])
    value = min(float(means @ parts), 1.0)
    each = np.isfinite(matrix) * (parts / counts)
    error = float((np.nan_to_num((matrix - means) * each).sum(1) ** 2).sum())
    # Without a spread to judge by (all columns at 0 or 1), what an image says of several columns is one statement.
    effective = value * (1 - value) / error if error > 0 else 1 / float((each.sum(1) ** 2).sum())
    low, high = wilson(value * effective, effective)
    return Estimate(value, low, high, int(counts.sum()))


def bootstrap_mean(values: ArrayLike, seed: int = 0, weights: ArrayLike | None = None) -> Estimate:
    """The weighted mean over columns of each column's mean, with a percentile interval over 1000 resamples of images.

    Args:
        values: (N,) or (N, M) of numbers and NaN; every column says something.
        seed: Same seed, same interval.
        weights: (M,) of the columns; all the same when None.

    Returns:
        The estimate; without an interval from a single image, which does not say how much images differ.

    Raises:
        ValueError: a column says nothing.
    """
    matrix, counts, means = _columns(values)
    parts = _weights(weights, matrix.shape[1])
    known = np.isfinite(matrix).astype(np.float64)
    filled = np.nan_to_num(matrix)
    random = np.random.default_rng(seed)
    drawn = []
    for start in range(0, RESAMPLES, _BLOCK):
        times = _resampled(random, len(matrix), min(_BLOCK, RESAMPLES - start))
        with np.errstate(invalid="ignore"):
            drawn.append((times @ filled) / (times @ known))
    found = np.concatenate(drawn)
    # A resample that misses all of a rare column's images says nothing of it.
    found = found[np.isfinite(found).all(1)] @ parts
    value, n = float(means @ parts), int(counts.sum())
    if len(matrix) < 2 or not len(found):
        return Estimate(value, None, None, n)
    low, high = np.quantile(found, (0.025, 0.975))
    return Estimate(value, float(low), float(high), n)


def _columns(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """A matrix (N, M), how many numbers each column has, and their means."""
    matrix = np.asarray(values, np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    counts = np.isfinite(matrix).sum(0)
    if matrix.size == 0 or not counts.all():
        raise ValueError("a column without numbers has no mean")
    return matrix, counts, np.nansum(matrix, 0) / counts


def _weights(weights: ArrayLike | None, columns: int) -> NDArray[np.float64]:
    """Weights of columns that sum to 1."""
    given = np.ones(columns) if weights is None else np.asarray(weights, np.float64)
    parts: NDArray[np.float64] = given / given.sum()
    return parts


def _resampled(random: np.random.Generator, n: int, times: int) -> NDArray[np.float64]:
    """(times, n): how often each of n images appears in each resample."""
    picked = random.integers(0, n, (times, n)) + n * np.arange(times)[:, None]
    return np.bincount(picked.ravel(), minlength=times * n).reshape(times, n).astype(np.float64)
