"""Labels: which face has which attribute, independent unless asked otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attredit.errors import UsageError, nearest
from attredit_synthfaces.streams import uniforms
from attredit_synthfaces.traits import TRAITS

NAMES = tuple(TRAITS)
"""Attributes in label order. Each is present in half of the faces."""

Pairs = tuple[tuple[str, str, float], ...]
"""Asked correlations: two attribute names in label order, and their phi coefficient."""


def draw_labels(seed: int, split: int, indices: NDArray[np.int64], pairs: Pairs) -> NDArray[np.int64]:
    """Labels (N, attributes) of the faces numbered `indices` (N,).

    A Gaussian copula: normal deviates are correlated, then cut at their median. Deviates of attributes that take no
    part stay as they are, so asking for a correlation changes no other label.
    """
    numbers = uniforms(seed, split, indices, np.zeros(1, np.int64))[:, : len(NAMES)]
    if not pairs:
        return (numbers < 0.5).astype(np.int64)
    grid = np.linspace(0.0, 1.0, 4097)[1:-1]
    deviates = np.interp(numbers, grid, [NormalDist().inv_cdf(g) for g in grid.tolist()])
    return (deviates @ _root(_latent(pairs)) < 0).astype(np.int64)


def _latent(pairs: Pairs) -> NDArray[np.float64]:
    """Correlations of the deviates that give binary attributes, cut at the median, the asked phi (Sheppard 1899)."""
    matrix = np.eye(len(NAMES))
    for first, second, phi in pairs:
        i, j = NAMES.index(first), NAMES.index(second)
        matrix[i, j] = matrix[j, i] = math.sin(math.pi / 2 * phi)
    return matrix


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric square root: unlike a Cholesky factor it does not depend on the order of attributes."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def read_correlation(asked: object) -> Pairs:
    """Check an option such as ``{"Smiling": {"Blond_Hair": 0.8}}``; numbers may be strings; None asks for none.

    Raises:
        UsageError: not of that form, an unknown attribute, a number outside [-1, 1], a pair given twice with different
            numbers, or correlations that no data can have together.
    """
    found: dict[tuple[str, str], float] = {}
    for first, row in _mapping(asked, "correlation").items():
        for second, value in _mapping(row, f"correlation.{first}").items():
            pair, phi = _pair(first, second), _phi(first, second, value)
            if found.setdefault(pair, phi) != phi:
                raise UsageError(f"The correlation of {first} and {second} is given twice.", "Give it once.")
    pairs = tuple((a, b, phi) for (a, b), phi in sorted(found.items()) if phi)
    if pairs and np.linalg.eigvalsh(_latent(pairs)).min() < -1e-9:
        raise UsageError(
            "No data can have all of the asked correlations at once.",
            "Weaken them, or also correlate the attributes that share a partner.",
        )
    return pairs


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{where} must map attributes to numbers, not be {value!r}.",
            "For example correlation.Smiling.Blond_Hair=0.8.",
        )
    return value


def _pair(first: str, second: str) -> tuple[str, str]:
    """Both names in label order."""
    for name in (first, second):
        if name not in NAMES:
            raise UsageError(f"Unknown attribute {name!r} in correlation.", nearest(str(name), NAMES))
    if first == second:
        raise UsageError(f"{first} cannot be correlated with itself.", "Name two different attributes.")
    a, b = sorted((first, second), key=NAMES.index)
    return a, b


def _phi(first: str, second: str, value: object) -> float:
    try:
        phi = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        phi = math.nan
    if not -1.0 <= phi <= 1.0:
        raise UsageError(f"The correlation of {first} and {second} is {value!r}.", "It must be a number from -1 to 1.")
    return phi
