"""Values of single images, collected by metric and attribute, and turned into estimates at the end."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from attredit.evaluation.statistics import Estimate, bootstrap_mean, wilson_share


@dataclass
class Figure:
    """One metric's values.

    Attributes:
        share: Its values are 0 and 1, and its interval Wilson's; else it is a mean with a bootstrapped interval.
        units: Verdicts that a value sums up, for n.
        values: (N, K) by attribute, NaN where an image says nothing; K is 1 but for averages over classes. The key is
            None for what belongs to no attribute.
    """

    share: bool
    units: int
    values: dict[str | None, np.ndarray] = field(default_factory=dict)

    def known(self, attribute: str | None) -> bool:
        """Whether some image says something of an attribute, in every column."""
        values = self.values.get(attribute)
        return values is not None and bool(np.isfinite(values).any(0).all())

    def of(self, attribute: str | None) -> Estimate | None:
        """The estimate of one attribute; None where no image says anything of some class."""
        return self._estimate([self.values[attribute]]) if self.known(attribute) else None

    def pooled(self) -> Estimate | None:
        """The mean over attributes, each of the same weight, of those with an estimate."""
        known = self._known()
        return self._estimate(known) if known else None

    def matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """What `pooled` is the mean of: attributes side by side, (N, M), and the weights (M,) of their columns.

        Raises:
            ValueError: no attribute has an estimate.
        """
        return _joined(self._known())

    def _known(self) -> list[np.ndarray]:
        return [values for attribute, values in self.values.items() if self.known(attribute)]

    def _estimate(self, parts: list[np.ndarray]) -> Estimate:
        matrix, weights = _joined(parts)
        found = wilson_share(matrix, weights) if self.share else bootstrap_mean(matrix, weights=weights)
        return dataclasses.replace(found, n=found.n * self.units)


class Table:
    """All figures of an evaluation.

    Args:
        n: N, the number of evaluated images.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.figures: dict[str, Figure] = {}

    def put(
        self,
        name: str,
        attribute: str | None,
        rows: np.ndarray,
        values: Tensor | np.ndarray,
        *,
        share: bool = False,
        units: int = 1,
        column: int = 0,
        columns: int = 1,
    ) -> None:
        """Add values of some images.

        Args:
            name: Metric.
            attribute: Attribute; None for a metric that is about none.
            rows: (B,) positions among the N images.
            values: (B,) numbers.
            share: They are 0 and 1.
            units: Verdicts that each value sums up.
            column: Which of the columns, for averages over classes.
            columns: How many there are.
        """
        figure = self.figures.setdefault(name, Figure(share, units))
        matrix = figure.values.setdefault(attribute, np.full((self.n, columns), np.nan))
        matrix[rows, column] = values.cpu().numpy() if isinstance(values, Tensor) else values

    def named(self, name: str) -> str:
        """What a reason is given under, of ``metric/attribute``: the metric alone where no attribute has it."""
        metric = name.split("/")[0]
        return name if metric in self.figures else metric

    def metrics(self) -> dict[str, Estimate]:
        """Every figure, pooled over attributes."""
        pooled = {name: figure.pooled() for name, figure in self.figures.items()}
        return {name: estimate for name, estimate in pooled.items() if estimate is not None}

    def attributes(self, names: tuple[str, ...]) -> dict[str, dict[str, Estimate]]:
        """Every attribute's own figures."""
        found = {a: {name: figure.of(a) for name, figure in self.figures.items()} for a in names}
        return {a: {name: e for name, e in own.items() if e is not None} for a, own in found.items()}


def _joined(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices side by side, and weights of columns that give each matrix the same."""
    weights = np.concatenate([np.full(part.shape[1], 1 / part.shape[1]) for part in parts])
    return np.concatenate(parts, 1), weights
