"""Networks for small budgets: no batch statistics, so they train the same on one process or many.

Group norm keeps every image's code independent of its neighbours in the batch, which makes an edit a function of one
image and data-parallel training equal to training on one process.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from attredit import Code
from attredit_networks.paper import stages, widths

_SMALLEST = 4


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(min(8, channels), channels)


class ConvEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z) and label logits (B, A).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels of the first stage, doubling at each of the others, at most 8 times.
    """

    def __init__(self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, width: int = 16) -> None:
        super().__init__()
        sizes = [channels, *widths(width, image_size)]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=not i), *([_norm(b)] if i else []), nn.SiLU(inplace=True)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        features = sizes[-1] * _SMALLEST**2
        self.latent = nn.Linear(features, 2 * latent_dim)
        self.head = nn.Linear(features, attr_dim)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        flat = self.trunk(images)
        mean, logvar = self.latent(flat).chunk(2, 1)
        return Code(mean, logvar, self.head(flat))


class ConvDecoder(nn.Module):
    """Latent (B, Z) and attributes (B, A) to image logits (B, C, H, W).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels before the last stage.
    """

    def __init__(self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, width: int = 16) -> None:
        super().__init__()
        sizes = widths(width, image_size)[::-1]
        self.top = sizes[0]
        self.linear = nn.Linear(latent_dim + attr_dim, self.top * _SMALLEST**2)
        layers: list[nn.Module] = [_norm(self.top), nn.SiLU(inplace=True)]
        for a, b in pairwise(sizes):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), _norm(b), nn.SiLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], channels, 4, 2, 1))
        assert len(sizes) == stages(image_size)

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        # Centred attributes: 0 and 1 push equally far, and an untrained column costs nothing.
        top = self.linear(torch.cat([z, 2 * attrs - 1], 1)).unflatten(1, (self.top, _SMALLEST, _SMALLEST))
        logits: Tensor = self.layers(top)
        return logits
