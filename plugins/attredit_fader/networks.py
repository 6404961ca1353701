"""The autoencoder of Lample et al. 2017 (section 4): a feature map for a latent, attributes at every decoder layer.

4x4 stride-2 convolutions, doubling from 32 to at most 512 channels, LeakyReLU of .2 in the encoder and ReLU in the
decoder, normalised but for the first and the last layer. At every image size the latent is 4 x 4, with Z channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from attredit import Code
from attredit.toolkit import Norm, norm_layer, stages, widths

_MOST = 16  # 512 channels of 32


class FaderEncoder(nn.Module):
    """Images (B, C, H, W) to a feature map (B, Z, 4, 4).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        width: Channels of the first stage; the paper's is 32.
        norm: "group", or the paper's "batch".
    """

    def __init__(
        self, *, channels: int, image_size: int, latent_dim: int, width: int = 32, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        sizes = [channels, *widths(width, stages(image_size) - 1, _MOST), latent_dim]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            normed = [norm_layer(norm, b)] if i else []
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=not i), *normed, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        return Code(self.layers(images), None, None)


class FaderDecoder(nn.Module):
    """Feature map (B, Z, 4, 4) and attributes (B, A) to image logits (B, C, H, W).

    Every layer also reads the attributes: a pair of constant planes for each column, one for yes and one for no.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels before the last stage; the paper's is 32.
        norm: "group", or the paper's "batch".
    """

    def __init__(
        self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, width: int = 32, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        sizes = [latent_dim, *widths(width, stages(image_size) - 1, _MOST)[::-1], channels]
        last = len(sizes) - 2
        self.layers = nn.ModuleList()
        for i, (a, b) in enumerate(pairwise(sizes)):
            up = nn.ConvTranspose2d(a + 2 * attr_dim, b, 4, 2, 1, bias=i == last)
            after = [] if i == last else [norm_layer(norm, b), nn.ReLU(inplace=True)]
            self.layers.append(nn.Sequential(up, *after))

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        pairs = torch.cat([attrs, 1.0 - attrs], 1)[:, :, None, None]
        for layer in self.layers:
            z = layer(torch.cat([z, pairs.expand(-1, -1, *z.shape[2:])], 1))
        return z
