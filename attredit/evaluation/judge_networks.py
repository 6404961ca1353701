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
_WINDOW = 5


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


class WideNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1] to logits (B, A): a wide window, residual blocks, maps that shrink by averaging.

    Its arguments are those of `StridedNetwork`.
    """

    def __init__(self, channels: int, size: int, outputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.trunk = nn.Sequential(
            nn.Conv2d(channels, width, _WINDOW, 2, _WINDOW // 2, bias=False), nn.BatchNorm2d(width), nn.GELU(),
            _halved(size // 2), _Block(width, 2 * width), _halved(size // 4), _Block(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(_TOP), _Block(4 * width, 4 * width),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * width * _TOP**2, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Read images of any size."""
        return self.look(images)[0]

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read images of any size; returns logits (B, A) and features (B, F): the last map, averaged over places."""
        found = self.trunk(_scaled(images, self.size))
        return self.head(found), found.mean((2, 3))


class JudgePair(nn.Module):
    """Both judges of a data set, as one thing to be kept; they have the same arguments."""

    def __init__(self, channels: int, size: int, outputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.first = StridedNetwork(channels, size, outputs, width)
        self.second = WideNetwork(channels, size, outputs, width)

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


class _Block(nn.Module):
    """Two convolutions beside one of single pixels (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(inputs, outputs, 1),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.beside = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.beside(x) + self.layers(x))


def _halved(size: int) -> nn.Module:
    """Averages of four places, while there are enough of them."""
    return nn.AvgPool2d(2) if size > 2 * _TOP else nn.Identity()


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
