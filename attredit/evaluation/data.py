"""What is evaluated on: a split's images, their labels, and the judge that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import AttributeSchema
from attredit.data import Store
from attredit.data.source import DataSource
from attredit.data.subset import as_images
from attredit.evaluation.identity import Identity
from attredit.evaluation.inception import Inception
from attredit.evaluation.judge import Judge
from attredit.evaluation.lpips import Lpips

CHUNK = 256


@dataclass(frozen=True)
class EvaluationData:
    """What a metric is given.

    Attributes:
        split: Which split is evaluated.
        indices: (N,) int64 images of `store` that are evaluated, ascending.
        store: The evaluated split.
        train: The training split, for metrics that train something.
        schema: Every attribute of the model's data, of which it edits some.
        source: Where the evaluated images come from.
        judge: Reads every attribute of `schema`, independently of the model.
        identity: Tells faces apart; None where there is none, for the reason in `without_identity`.
        without_identity: Why.
        inception: Gives the features of FID and KID; None where there is none, for the reason in `without_inception`.
        without_inception: Why.
        lpips: Says how different people find images; None where there is none, for the reason in `without_lpips`.
        without_lpips: Why.
        full: Measure also what takes long.
        searched: Each image is in the frame that the model has found in it.
    """

    split: str
    indices: np.ndarray
    store: Store
    train: Store
    schema: AttributeSchema
    source: DataSource
    judge: Judge
    identity: Identity | None = None
    without_identity: str = ""
    inception: Inception | None = None
    without_inception: str = ""
    lpips: Lpips | None = None
    without_lpips: str = ""
    full: bool = False
    searched: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def rows(self) -> np.ndarray:
        """(N,) int64 rows of the source's split that are evaluated, as `CounterfactualSource.counterfactual` takes."""
        return np.asarray(self.store.rows[self.indices])

    @property
    def labels(self) -> Tensor:
        """(N, n) int64 true labels of the evaluated images, columns as in `schema`; `MISSING` where there is none."""
        return torch.from_numpy(np.asarray(self.store.labels[self.indices], np.int64))

    def images(self, indices: np.ndarray) -> Tensor:
        """Rows of the store as (B, C, H, W) float in [0, 1], on the CPU."""
        return as_images(self.store, indices)

    def chunks(self, size: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
        """The evaluated images in order: which of the N they are, and (B, C, H, W) float in [0, 1]."""
        for start in range(0, len(self), size):
            where = slice(start, min(start + size, len(self)))
            yield where, self.images(self.indices[where])
