"""What is evaluated on: a split's images, their labels, and the judge that reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
        identity: Tells faces apart, if there is what does.
        inception: Gives the features of FID and KID, likewise.
        lpips: Says how different people find images, likewise.
        without: Why there is none of one of these three, by its name.
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
    inception: Inception | None = None
    lpips: Lpips | None = None
    without: Mapping[str, str] = field(default_factory=dict)
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
