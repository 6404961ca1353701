"""The judges' networks: two architectures that see images differently, so that what fools one need not fool the other.

Whatever changes what they compute needs a new VERSION in `attredit.evaluation.judge_training`.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TOP = 4
_PATCHES = 16
_WINDOW = 7


class StridedNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1] to logits (B, A): strided convolutions that keep a 4x4 map of places.

    Args:
        channels: C.
        size: Larger images are reduced to this.
        outputs: A.
        width: Channels of the first stage.
    """

    def __init__(self, channels: int, size: int, outputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        stages = max(1, round(math.log2(size / _TOP)))
        sizes = [channels, *(width * min(2**i, 4) for i in range(stages))]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(itertools.pairwise(sizes)):
            layers += [_convolution(a, b, 2), *([_Residual(b)] if 0 < i < stages - 1 else [])]
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_TOP), nn.Flatten())
        self.head = nn.Linear(sizes[-1] * _TOP**2, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Read images of any size."""
        logits: Tensor = self.head(self.trunk(_scaled(images, self.size)))
        return logits

    def look(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read images of any size; returns logits (B, A) and every layer's map (B, C, h, w)."""
        x, maps = _scaled(images, self.size), []
        *layers, pool, flatten = self.trunk
        for layer in layers:
            x = layer(x)
            maps.append(x)
        return self.head(flatten(pool(x))), tuple(maps)


class PatchNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1] to logits (B, A): patches, mixed with wide windows, and then averaged over places.

    A small ConvNeXt (Liu et al. 2022) with batch norm.

    Args:
        channels: C.
        size: Larger images are reduced to this.
        outputs: A.
        width: Half the channels of the first stage.
    """

    def __init__(self, channels: int, size: int, outputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        width, patch = 2 * width, max(1, size // _PATCHES)
        self.trunk = nn.Sequential(
            nn.Conv2d(channels, width, patch, patch), nn.BatchNorm2d(width), _Mixing(width),
            nn.Conv2d(width, 2 * width, 2, 2), nn.BatchNorm2d(2 * width), _Mixing(2 * width),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Read images of any size."""
        return self.look(images)[0]

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read images of any size; returns logits (B, A) and features (B, F)."""
        features = self.trunk(_scaled(images, self.size))
        return self.head(features), features


class JudgePair(nn.Module):
    """Both judges of a data set, as one thing to be kept.

    Args:
        channels: C.
        size: Larger images are reduced to this.
        outputs: A.
        width: Of both.
    """

    def __init__(self, channels: int, size: int, outputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.first = StridedNetwork(channels, size, outputs, width)
        self.second = PatchNetwork(channels, size, outputs, width)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (2, B, A)."""
        return torch.stack([self.first(images), self.second(images)])


class _Residual(nn.Module):
    """A convolution beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = _convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


class _Mixing(nn.Module):
    """Every channel over a window of places, then every place over channels, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, _WINDOW, 1, _WINDOW // 2, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 2 * channels, 1),
            nn.GELU(),
            nn.Conv2d(2 * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


def reduced(images: Tensor, size: int) -> Tensor:
    """Images no larger than a size."""
    if images.shape[-1] <= size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def _scaled(images: Tensor, size: int) -> Tensor:
    """Images no larger than a size, in [-1, 1]."""
    return 2 * reduced(images, size) - 1


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
