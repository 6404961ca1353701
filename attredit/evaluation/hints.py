"""Hints of an attribute that are none of it: what its values differ in on average, laid over images of another value.

A decoder that does not know what to draw draws an average, and a judge that has only seen real images takes a part for
the whole: where glasses are, mean glasses are dark, and few faces without them are. So judges are shown such averages,
of all strengths, on images whose labels stay as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, AttributeSchema
from attredit.data import Store
from attredit.data.subset import as_images, spread
from attredit.evaluation.judge_networks import reduced

# Of so many images means are taken, so many at a time.
_MOST, _CHUNK = 4096, 256


class Hints:
    """Mean images of every value of every attribute.

    Args:
        schema: Columns of the labels.
        store: Where images come from.
        rows: (M,) which of them.
        size: Larger images are reduced to this.
    """

    def __init__(self, schema: AttributeSchema, store: Store, rows: np.ndarray, size: int) -> None:
        self._counts = torch.tensor([len(a.values) for a in schema])
        self._starts = self._counts.cumsum(0) - self._counts
        rows = rows[spread(len(rows), _MOST)]
        sums, counts = torch.zeros(()), torch.zeros(())
        for chunk in np.split(rows, range(_CHUNK, len(rows), _CHUNK)):
            has = schema.indicators(torch.from_numpy(np.asarray(store.labels[chunk], np.int64)))
            images = reduced(as_images(store, chunk), size)
            sums, counts = sums + torch.einsum("nv,nchw->vchw", has, images), counts + has.sum(0)
        # A value that no image has looks like nothing: no hint leads to it.
        self._seen, self._means = counts > 0, sums / counts.clamp(min=1).view(-1, 1, 1, 1)

    def laid(self, images: Tensor, labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
        """Images (B, C, H, W) in [0, 1], some with a hint of another value of an attribute than their own.

        Args:
            images: No larger than the size.
            labels: (B, n) of them, on the CPU.
            share: How many of them.
            generator: Source of randomness, on the CPU.
        """
        which, other, strength, chosen = torch.rand(4, len(images), generator=generator)
        column = (which * labels.shape[1]).long()
        own = labels.gather(1, column[:, None])[:, 0]
        count, start = self._counts[column], self._starts[column]
        old = start + own.clamp(min=0)
        new = start + (own + 1 + (other * (count - 1)).long()) % count
        strength[(chosen >= share) | (own == MISSING) | ~self._seen[new] | ~self._seen[old]] = 0.0
        hint = strength.view(-1, 1, 1, 1) * (self._means[new] - self._means[old])
        hinted: Tensor = (images + hint.to(images.device)).clamp(0.0, 1.0)
        return hinted
