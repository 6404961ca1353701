"""For plugin authors: what several networks and terms would otherwise each write again."""

from __future__ import annotations

from math import gcd
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attredit.errors import UsageError

Norm = Literal["group", "batch"]


def stages(image_size: int, smallest: int = 4) -> int:
    """Halvings from `image_size` down to a feature map of side `smallest`.

    Raises:
        UsageError: there is no such number, or it is 0.
    """
    count = (image_size // smallest).bit_length() - 1
    if count < 1 or smallest << count != image_size:
        sizes = ", ".join(str(smallest << i) for i in range(1, 5))
        raise UsageError(f"These networks need an image size of {sizes}, ..., not {image_size}.")
    return count


def widths(width: int, count: int, most: int = 8) -> list[int]:
    """Channels of each of `count` stages: doubling from `width`, at most `most` times it."""
    return [width * min(2**i, most) for i in range(count)]


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """Group norm, which keeps every image's result its own; or batch norm, which many papers have."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(gcd(8, channels), channels)


class ClassMeans(nn.Module):
    """Moving averages of features over the images of each class, every image weighing the same within its batch.

    After T batches, with s the sum of a class's features in batch t and n their number, its mean is
    sum_t decay^(T-t) s_t / sum_t decay^(T-t) n_t. A batch without the class leaves its mean as it was.

    Args:
        decay: What a batch still weighs when the next has come.

    Attributes:
        sums: (K, F) of K classes and F features; empty until the first batch.
        counts: (K,) images.
    """

    sums: Tensor
    counts: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"a decay lies between 0 and 1, not {decay}")
        self.decay = decay
        self.register_buffer("sums", torch.zeros(0, 0))
        self.register_buffer("counts", torch.zeros(0))

    def forward(self, features: Tensor, members: Tensor) -> Tensor:
        """Take in a batch.

        Args:
            features: (B, F).
            members: (B, K): 1 where the image is of the class.

        Returns:
            (K, F) means that include this batch, and pass its gradient on; 0 for a class never seen.
        """
        sums, counts = members.T @ features, members.sum(0)
        if self.sums.numel():
            sums, counts = self.decay * self.sums + sums, self.decay * self.counts + counts
        self.sums, self.counts = sums.detach(), counts.detach()
        return sums / counts.clamp(min=torch.finfo(counts.dtype).tiny)[:, None]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The width of the features is known to the checkpoint, not to the constructor.
        for name in ("sums", "counts"):
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name], device=self.sums.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
