"""How often attributes have which value, and how they go together; labels below 0 are missing and left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from attredit.attributes import Attribute, AttributeSchema

_ROWS = 1 << 16


@dataclass(frozen=True)
class Counts:
    """How many images of a split have which values.

    Attributes:
        schema: Of the attributes counted.
        images: In the split.
        joint: (V, V) int64, V values of all attributes in order: images that have both values. Its diagonal says how
            many have each.
    """

    schema: AttributeSchema
    images: int
    joint: np.ndarray

    def of(self, name: str) -> np.ndarray:
        """(values,) images that have each value of an attribute; their sum leaves out images without a label."""
        own = self._columns(name)
        return np.diagonal(self.joint)[own]

    def missing(self, name: str) -> int:
        """Images without a label of an attribute."""
        return self.images - int(self.of(name).sum())

    def table(self, first: str, second: str) -> np.ndarray:
        """The contingency table (values of the first, values of the second) of images that have both labels."""
        return self.joint[self._columns(first), self._columns(second)]

    def _columns(self, name: str) -> slice:
        place = self.schema.index(name)
        start = sum(len(attribute.values) for attribute in self.schema.attributes[:place])
        return slice(start, start + len(self.schema.attributes[place].values))


def counts_of(schema: AttributeSchema, labels: np.ndarray) -> Counts:
    """Count values and pairs of values, all at once.

    Args:
        schema: Of the columns.
        labels: (N, n) integers, a value's index, or below 0 where there is none.
    """
    width = sum(len(attribute.values) for attribute in schema)
    joint = np.zeros((width, width), np.int64)
    for start in range(0, len(labels), _ROWS):
        rows = labels[start : start + _ROWS]
        ones = [rows[:, i, None] == np.arange(len(attribute.values)) for i, attribute in enumerate(schema)]
        # Whole numbers up to 2^24 are exact in float32, and only floating point has a fast product.
        present = np.concatenate(ones, axis=1).astype(np.float32)
        joint += (present.T @ present).astype(np.int64)
    return Counts(schema, len(labels), joint)


def association(counts: Counts, first: Attribute, second: Attribute) -> float:
    """How strongly two attributes go together: phi of two binary ones, -1 to 1; else Cramér's V, 0 to 1.

    Phi is Pearson's correlation of two columns of 0 and 1. Cramér's V (Cramér 1946, *Mathematical Methods of
    Statistics*, section 21.9) is the square root of chi² / (n (k - 1)), with k values of the attribute that has fewer;
    of two binary attributes it is the absolute value of phi. It has no sign, because values of a categorical attribute
    have no order. Not a number where one of the two has one value only.
    """
    table: Any = counts.table(first.name, second.name)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if min(table.shape) < 2:
        return float("nan")
    if first.binary and second.binary:
        (a, b), (c, d) = table.astype(float)
        return float((a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d)))
    from scipy.stats import contingency

    return float(contingency.association(table, method="cramer"))


def associations(counts: Counts) -> np.ndarray:
    """(n, n), symmetric: `association` of every two attributes; 1 on the diagonal."""
    attributes = counts.schema.attributes
    matrix = np.eye(len(attributes))
    for i, first in enumerate(attributes):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = association(counts, first, attributes[j])
    return matrix
