"""Estimates with 95 % intervals: of a run, of several runs that differ in the seed, and of differences between methods.

The unit that varies is the image: what one image says of several attributes is not independent, so everything here
takes a matrix with one row per image and never treats its columns as more images. NaN stands for "this image says
nothing about this column".

Several seeds see the same images, so a figure varies with both: seeds and images are crossed random effects, as readers
and cases are in diagnostic imaging (Dorfman, Berbaum and Metz 1992), and their variances add up, with Satterthwaite's
degrees of freedom (Hillis 2007, Statistics in Medicine 26). A bootstrap would not do: three seeds have ten different
resamples, which spread too little, by a factor of (S - 1) / S in variance, and lack the tails of Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

    def beyond(self, low: float, high: float) -> Estimate:
        """The signed distance from the interval between two numbers; 0 inside. It never falls as the figure grows.

        >>> Estimate(0.75, 0.25, 1.0, 100).beyond(0.0, 0.5)
        Estimate(value=0.25, low=0.0, high=0.5, n=100)
        """

        def distance(value: float) -> float:
            return value - min(max(value, low), high)

        ends = [None if end is None else distance(end) for end in (self.low, self.high)]
        return Estimate(distance(self.value), ends[0], ends[1], self.n)


def wilson(successes: float, n: float, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval (1927) of a share; unlike the textbook one it has a width at 0 and 1.

    Args:
        successes: At most n; need not be whole, see `wilson_share`.
        n: Larger than 0.
        z: Quantile of the normal distribution, or of what stands for it.

    >>> [round(end, 2) for end in wilson(13, 16)]
    [0.57, 0.93]
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"{successes} successes of {n}")
    p, z2 = successes / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # The ends are exactly p at 0 and 1; rounding must not put them on its other side.
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


def wilson_share(values: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
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


def over_seeds(parts: Sequence[NDArray[Any]], *, share: bool, weights: ArrayLike | None = None) -> Estimate:
    """The mean over seeds of one figure of S runs that differ in the seed, measured on the same images.

    Args:
        parts: S matrices (N, M) of numbers and NaN, rows of the same images.
        share: They are 0 and 1.
        weights: (M,) of the columns; all the same when None.

    Returns:
        The estimate, n being all of the numbers. Its interval is Student's t, for shares in Wilson's form, and covers
        other images and other seeds. Of a single run it is what `wilson_share` and `bootstrap_mean` say: images alone.

    Raises:
        ValueError: matrices differ in shape, or a column of one of them says nothing.
    """
    alone = wilson_share(parts[0], weights) if share else bootstrap_mean(parts[0], weights=weights)
    if len(parts) == 1:
        return alone
    runs = _by_image(parts, weights)
    value, n = float(runs.mean()), sum(int(np.isfinite(part).sum()) for part in parts)
    error, t = _error([_seed_term(runs), _image_term(runs.mean(0))])
    if not share:
        return _around(value, error, t, n)
    value = min(max(value, 0.0), 1.0)
    effective = value * (1 - value) / error**2 if error > 0 else 0.0
    if effective == 0:  # all at 0 or 1: without a spread to judge by, the runs say no more than one of them
        return Estimate(value, alone.low, alone.high, n)
    return Estimate(value, *wilson(value * effective, effective, t), n)


def paired_difference(
    a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]], *, weights: ArrayLike | None = None
) -> Estimate:
    """How much larger a figure is for one method than for another, on the same images.

    Args:
        a: Matrices (N, M) of numbers and NaN, one for each seed of the first method.
        b: The same of the second method, which may have more seeds or fewer.
        weights: (M,) of the columns; all the same when None.

    Returns:
        The difference of the means over seeds, n being the images that say something of both. Its interval covers other
        images and other seeds: Student's t. A method with a single run is taken to vary as the other one does; if both
        have a single run, the interval is `bootstrap_mean`'s and covers images alone.

    Raises:
        ValueError: matrices differ in shape, or a column of one of them says nothing.
    """
    runs = _by_image([*a, *b], weights)
    groups = [runs[: len(a)], runs[len(a) :]]
    difference = groups[0].mean(0) - groups[1].mean(0)
    n = int(np.logical_and.reduce([np.isfinite(part.reshape(len(part), -1)).any(1) for part in (*a, *b)]).sum())
    repeated = [group for group in groups if len(group) > 1]
    if not repeated:
        return replace(bootstrap_mean(difference), n=n)
    terms = [_seed_term(group) for group in repeated]
    if len(repeated) == 1:
        terms = [(terms[0][0] * (1 + len(repeated[0])), terms[0][1])]
    error, t = _error([*terms, _image_term(difference)])
    return _around(float(difference.mean()), error, t, n)


def _by_image(parts: Sequence[NDArray[Any]], weights: ArrayLike | None) -> NDArray[np.float64]:
    """(S, N): what every image says of every run's figure; their mean over images is the figure.

    An image says the figure plus its deviations from the columns' means, each times N over the column's count.
    """
    runs = []
    for part in parts:
        matrix, counts, means = _columns(part)
        shares = _weights(weights, matrix.shape[1])
        deviations = np.nan_to_num(matrix - means) * (len(matrix) / counts)
        runs.append(means @ shares + deviations @ shares)
    if len({part.shape for part in parts}) > 1:
        raise ValueError(f"runs on other images: {[part.shape for part in parts]}")
    return np.stack(runs)


def _seed_term(runs: NDArray[np.float64]) -> tuple[float, int]:
    """Variance of the mean over seeds that is due to them, (S, N) of runs, and its degrees of freedom."""
    return float(runs.mean(1).var(ddof=1)) / len(runs), len(runs) - 1


def _image_term(images: NDArray[np.float64]) -> tuple[float, int]:
    """Variance of the mean of (N,) that is due to images, and its degrees of freedom; NaN if N is 1.

    What images add differently from seed to seed is in both terms: counted twice, it makes intervals a little wide.
    Taken off, as the literature's mean squares would have it, it makes them too narrow for two or three seeds.
    """
    n = len(images)
    return (float(images.var(ddof=1)) / n, n - 1) if n > 1 else (math.nan, 1)


def _error(terms: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Standard error of a sum of independent terms, and Student's quantile at Satterthwaite's degrees of freedom."""
    total = sum(variance for variance, _ in terms)
    if total == 0:
        return 0.0, Z95
    from scipy.special import stdtrit

    freedom = total**2 / sum(variance**2 / own for variance, own in terms)
    return math.sqrt(total), float(stdtrit(freedom, 0.975))


def _around(value: float, error: float, t: float, n: int) -> Estimate:
    """A symmetric interval; none where a single image does not say how much images differ."""
    if math.isnan(error):
        return Estimate(value, None, None, n)
    return Estimate(value, value - t * error, value + t * error, n)


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
