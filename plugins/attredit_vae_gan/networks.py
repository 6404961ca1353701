"""The networks of Larsen et al. 2016 (table 1), with their width and norm as parameters.

For 64x64 and width 64: the encoder is three 5x5 stride-2 convolutions of 64, 128, 256 channels and a hidden layer of
2048; the decoder is linear to 256 x 8 x 8, then 5x5 transposed convolutions of 256, 128, 32 and C channels; the
discriminator is 5x5 convolutions of 32, 128, 256, 256 channels and a hidden layer of 512. Other sizes get another
smallest feature map, an eighth of theirs.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from attredit import Code, Verdict
from attredit.errors import UsageError
from attredit.toolkit import Norm, norm_layer


def _eighth(image_size: int) -> int:
    """Side of the smallest feature map.

    Raises:
        UsageError: three halvings do not lead there.
    """
    if image_size % 8 or image_size < 16:
        raise UsageError(f"These networks need an image size of 16, 24, 32, ..., not {image_size}.")
    return image_size // 8


def _dense(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """(B, ...) to (B, outputs), normalised."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, outputs, bias=False),
        nn.Unflatten(1, (outputs, 1, 1)),
        norm_layer(norm, outputs),
        nn.ReLU(),
        nn.Flatten(),
    )


class LarsenEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        width: Channels of the first stage; the paper's is 64.
        norm: "group", or the paper's "batch".
    """

    def __init__(
        self, *, channels: int, image_size: int, latent_dim: int, width: int = 64, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        sizes = [channels, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Conv2d(a, b, 5, 2, 2, bias=False), norm_layer(norm, b), nn.ReLU(inplace=True)]
        hidden = 32 * width
        self.trunk = nn.Sequential(*layers, _dense(4 * width * _eighth(image_size) ** 2, hidden, norm))
        self.latent = nn.Linear(hidden, 2 * latent_dim)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        mean, logvar = self.latent(self.trunk(images)).chunk(2, 1)
        return Code(mean, logvar, None)


class AttributeVectorDecoder(nn.Module):
    """Latent (B, Z) to image logits (B, C, H, W), with no conditioning: attributes move the latent.

    An edit from the attributes that an image is taken to have (`code.labels`) to wanted ones adds their difference,
    times the attribute vectors, to the latent (section 4.1). A sample from the prior starts from the average image; in
    training samples are not moved, as published. The vectors come from the term `attribute_vectors`.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: A quarter of the channels of the first two stages; the paper's is 64.
        norm: "group", or the paper's "batch".

    Attributes:
        vectors: (A, Z).
        rates: (A,) average attributes.
    """

    vectors: Tensor
    rates: Tensor

    def __init__(
        self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, width: int = 64, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        side, sizes = _eighth(image_size), [4 * width, 4 * width, 2 * width, width // 2]
        self.start = nn.Sequential(
            nn.Linear(latent_dim, sizes[0] * side**2, bias=False),
            nn.Unflatten(1, (sizes[0], side, side)),
            norm_layer(norm, sizes[0]),
            nn.ReLU(inplace=True),
        )
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [
                nn.ConvTranspose2d(a, b, 5, 2, 2, output_padding=1, bias=False),
                norm_layer(norm, b),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(sizes[-1], channels, 5, 1, 2))
        self.register_buffer("vectors", torch.zeros(attr_dim, latent_dim))
        self.register_buffer("rates", torch.full((attr_dim,), 0.5))

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode the latent, moved from what the image has to what is wanted."""
        logits: Tensor = self.layers(self.start(self._moved(z, attrs, code)))
        return logits

    def _moved(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        if code is None:
            return z if self.training else z + (attrs - self.rates) @ self.vectors
        assert code.labels is not None, "the core says what the image is taken to have"
        return z + (attrs - code.labels) @ self.vectors


class LarsenDiscriminator(nn.Module):
    """Images (B, C, H, W) to realness (B, 1) and features: four convolutions' and the hidden layer's.

    Args:
        channels: C.
        image_size: H = W.
        width: Twice the channels of the first layer; the paper's is 64.
        norm: "group", or the paper's "batch".
    """

    def __init__(self, *, channels: int, image_size: int, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        sizes = [width // 2, 2 * width, 4 * width, 4 * width]
        first = nn.Sequential(nn.Conv2d(channels, sizes[0], 5, 1, 2), nn.ReLU())
        others = [
            nn.Sequential(nn.Conv2d(a, b, 5, 2, 2, bias=False), norm_layer(norm, b), nn.ReLU())
            for a, b in pairwise(sizes)
        ]
        hidden = 8 * width
        dense = _dense(sizes[-1] * _eighth(image_size) ** 2, hidden, norm)
        self.layers = nn.ModuleList([first, *others, dense])
        self.realness = nn.Linear(hidden, 1)

    def forward(self, images: Tensor) -> Verdict:
        """Judge images."""
        features = []
        for layer in self.layers:
            images = layer(images)
            features.append(images)
        return Verdict(self.realness(images), None, tuple(features))
