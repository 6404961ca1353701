"""Whether left and right mean the same in a collection: what training mirrors by default."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attredit.attributes import MISSING
from attredit.data.store import Store
from attredit.data.subset import some_images

# Of what an average shows, the share that its mirror image turns round: at most .05 for faces, .16 to .9 for shoes that
# are seen from one side and for shapes that lean.
_MOST = 0.1
_IMAGES = 4000


def symmetric(store: Store, names: Sequence[str]) -> bool:
    """Whether the average image, and what every value of these attributes changes in it, equal their mirror images.

    Args:
        store: Training images; of many, some that are evenly spread.
        names: Attributes.

    Raises:
        UsageError: an unknown attribute.
    """
    rows = np.random.default_rng(0).permutation(some_images(store, _IMAGES))  # tables may alternate between values
    labels = store.label_columns(names)[rows]
    halves = [_Sums(store, rows[half::2], labels[half::2]) for half in range(2)]
    averages = [[half.average - half.average.mean((0, 1)) for half in halves]]
    for column in range(len(names)):
        for value in np.unique(labels[labels[:, column] != MISSING, column]).tolist():
            averages.append([half.of(column, value) - half.average for half in halves])
    return all(_turned(*pair) <= _MOST for pair in averages)


class _Sums:
    """Half of the images (n, H, W, C), of which averages are asked."""

    def __init__(self, store: Store, rows: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = store.batch(rows).permute(0, 2, 3, 1).numpy(), labels
        self.average = self.images.mean(0, dtype=np.float64)

    def of(self, column: int, value: int) -> np.ndarray:
        """(H, W, C): the average image with a value; of no such image, the average of all."""
        chosen: np.ndarray = self.images[self.labels[:, column] == value]
        average: np.ndarray = chosen.mean(0, dtype=np.float64) if len(chosen) else self.average
        return average


def _turned(first: np.ndarray, second: np.ndarray) -> float:
    """The share of an average's energy that changes its sign in the mirror, from two independent estimates of it.

    Products of the two are free of the estimates' noise, whose own energy would count as asymmetric by half.
    """
    odd = float(((first - first[:, ::-1]) * (second - second[:, ::-1])).sum())
    even = float(((first + first[:, ::-1]) * (second + second[:, ::-1])).sum())
    return odd / (odd + even) if odd + even > 0.0 else 0.0
