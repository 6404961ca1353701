"""The networks of the paper, as its authors built them, with their width a parameter.

For 64x64: encoder and discriminator are four 5x5 stride-2 convolutions of 64, 128, 256, 512 channels, ReLU, no batch
norm, then linear heads; the decoder is linear to 512 x 4 x 4, then four 3x3 stride-2 transposed convolutions, batch
norm and ReLU on all but the last. Other sizes get one stage more or less, so that the smallest feature map stays 4 x 4.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from attredit import Code, Verdict
from attredit.toolkit import stages, widths

_SMALLEST = 4


class _Trunk(nn.Sequential):
    """5x5 stride-2 convolutions with ReLU, flattened; keeps every stage's output."""

    def __init__(self, channels: int, image_size: int, width: int) -> None:
        sizes = [channels, *widths(width, stages(image_size))]
        super().__init__(*(nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in pairwise(sizes)))
        self.out_features = sizes[-1] * _SMALLEST**2

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = []
        for convolution in self:
            images = convolution(images).relu()
            features.append(images)
        return tuple(features)


class PaperEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z) and label logits (B, A).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels of the first stage; the paper's is 64.
        detach_head: Let the label head read detached features, as the authors' code does, so that its loss trains the
            head alone.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        width: int = 64,
        detach_head: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = _Trunk(channels, image_size, width)
        self.mean = nn.Linear(self.trunk.out_features, latent_dim)
        self.logvar = nn.Linear(self.trunk.out_features, latent_dim)
        self.head = nn.Linear(self.trunk.out_features, attr_dim)
        self.detach_head = detach_head

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        flat = self.trunk(images)[-1].flatten(1)
        return Code(self.mean(flat), self.logvar(flat), self.head(flat.detach() if self.detach_head else flat))


class PaperDecoder(nn.Module):
    """Latent (B, Z) and attributes (B, A) to image logits (B, C, H, W).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels before the last stage; the paper's is 64.
    """

    def __init__(self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, width: int = 64) -> None:
        super().__init__()
        sizes = widths(width, stages(image_size))[::-1]
        self.top = sizes[0]
        self.linear = nn.Linear(latent_dim + attr_dim, self.top * _SMALLEST**2)
        layers: list[nn.Module] = [nn.BatchNorm2d(self.top), nn.ReLU(inplace=True)]
        for a, b in pairwise(sizes):
            layers += [_up(a, b), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, _up(sizes[-1], channels))

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        top = self.linear(torch.cat([z, attrs], 1)).unflatten(1, (self.top, _SMALLEST, _SMALLEST))
        logits: Tensor = self.layers(top)
        return logits


def _up(a: int, b: int) -> nn.Module:
    return nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)


class PaperDiscriminator(nn.Module):
    """Images (B, C, H, W) to realness (B, 1), label logits (B, A) if asked for, and every stage's features.

    Args:
        channels: C.
        image_size: H = W.
        attr_dim: A.
        width: Channels of the first stage; the paper's is 64.
        classify: Add a label head.
    """

    def __init__(
        self, *, channels: int, image_size: int, attr_dim: int, width: int = 64, classify: bool = False
    ) -> None:
        super().__init__()
        self.trunk = _Trunk(channels, image_size, width)
        self.realness = nn.Linear(self.trunk.out_features, 1)
        self.head = nn.Linear(self.trunk.out_features, attr_dim) if classify else None

    def forward(self, images: Tensor) -> Verdict:
        """Judge images."""
        features = self.trunk(images)
        flat = features[-1].flatten(1)
        return Verdict(self.realness(flat), None if self.head is None else self.head(flat), features)
