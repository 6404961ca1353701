"""What decoders are told of many images beside their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data import Store
from attredit.data.subset import as_images, spread
from attredit.editing.editor import Editor
from attredit.editing.model import Model
from attredit.evaluation.data import CHUNK
from attredit.networks import Code
from attredit.progress import Progress

MOST = 8000
# A side of what is kept of a skip. Whole ones of thousands of images fill a memory; what probes read off a part of them
# is a bound from below all the same.
_COARSE = 4


@dataclass(frozen=True)
class Codes:
    """Latent codes on the CPU, feature maps flattened.

    Attributes:
        mean: (N, Z).
        logvar: (N, Z); None where the encoder does not sample.
        skips: (N, S) what goes past the latent, averaged to maps of 4 by 4; None where there are no skips.
        styles: (N, n W) of all attributes, the absent ones too; None where there are none.
    """

    mean: Tensor
    logvar: Tensor | None
    skips: Tensor | None = None
    styles: Tensor | None = None

    @classmethod
    def of(cls, model: Model, whole: Code) -> Codes:
        """Those of a chunk: the content, and the styles beside it."""
        code = model.content(whole)
        coarse = [_flat(F.adaptive_avg_pool2d(skip.float(), _COARSE)) for skip in code.skips]
        logvar = None if code.logvar is None else _flat(code.logvar)
        styles = _flat(whole.mean[:, model.latent_dim :]) if model.slices else None
        return cls(_flat(code.mean), logvar, torch.cat(coarse, 1) if coarse else None, styles)

    @classmethod
    def joined(cls, chunks: Sequence[Codes]) -> Codes:
        """Those of all chunks, in order."""
        return cls(
            torch.cat([c.mean for c in chunks]),
            *(_whole(getattr(c, part) for c in chunks) for part in ("logvar", "skips", "styles")),
        )

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: Tensor) -> Codes:
        rest = (None if part is None else part[rows] for part in (self.logvar, self.skips, self.styles))
        return Codes(self.mean[rows], *rest)

    def told(self, generator: torch.Generator | None) -> Tensor:
        """(N, Z + S) the mean, or fresh samples where there is a generator and a variance; and the skips."""
        z = self.mean
        if generator is not None and self.logvar is not None:
            z = z + (0.5 * self.logvar).exp() * torch.randn(z.shape, generator=generator)
        return z if self.skips is None else torch.cat([z, self.skips], 1)


def training_codes(editor: Editor, store: Store, tell: Progress) -> tuple[Codes, np.ndarray]:
    """Codes of up to 8,000 training images, evenly spread, and the rows that they are of."""
    rows, codes = spread(len(store), MOST), []
    for start in range(0, len(rows), CHUNK):
        code = editor.model.encode(as_images(store, rows[start : start + CHUNK]))
        codes.append(Codes.of(editor.model, code))
        tell(min(start + CHUNK, len(rows)), len(rows))
    return Codes.joined(codes), rows


def _flat(maps: Tensor) -> Tensor:
    """(B, ...) to (B, numbers) on the CPU."""
    return maps.flatten(1).float().cpu()


def _whole(parts: Iterable[Tensor | None]) -> Tensor | None:
    """What all chunks have, in order; None where they have none."""
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None
