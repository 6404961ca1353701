"""Latent codes of many images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from attredit.evaluation.data import CHUNK
from attredit.evaluation.subset import as_images, spread
from attredit.networks import Code

if TYPE_CHECKING:
    from attredit.data import Store
    from attredit.editing.editor import Editor

MOST = 8000


@dataclass(frozen=True)
class Codes:
    """Latent codes on the CPU, feature maps flattened.

    Attributes:
        mean: (N, Z).
        logvar: (N, Z); None where the encoder does not sample.
    """

    mean: Tensor
    logvar: Tensor | None

    @classmethod
    def of(cls, codes: list[Code]) -> Codes:
        """Join the codes of chunks."""
        logvars = [c.logvar.flatten(1).float().cpu() for c in codes if c.logvar is not None]
        mean = torch.cat([c.mean.flatten(1).float().cpu() for c in codes])
        return cls(mean, torch.cat(logvars) if logvars else None)

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: Tensor) -> Codes:
        return Codes(self.mean[rows], None if self.logvar is None else self.logvar[rows])

    def sample(self, generator: torch.Generator) -> Tensor:
        """(N, Z) fresh samples; the mean where there is no variance."""
        if self.logvar is None:
            return self.mean
        return self.mean + (0.5 * self.logvar).exp() * torch.randn(self.mean.shape, generator=generator)


def training_codes(editor: Editor, store: Store, tell: Callable[[int, int], None]) -> tuple[Codes, np.ndarray]:
    """Codes of up to 8,000 training images, evenly spread, and the rows that they are of."""
    rows, codes = spread(len(store), MOST), []
    for start in range(0, len(rows), CHUNK):
        images = as_images(store, rows[start : start + CHUNK])
        codes.append(editor.encode(images)._replace(attrs=None, skips=(), labels=None))
        tell(min(start + CHUNK, len(rows)), len(rows))
    return Codes.of(codes), rows
