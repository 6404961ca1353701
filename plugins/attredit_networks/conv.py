"""Networks for small budgets: no batch statistics, so they train the same on one process or many.

Group norm keeps every image's code independent of its neighbours in the batch, which makes an edit a function of one
image and data-parallel training equal to training on one process.

Beside the convolutions runs a linear path from pixels to latent and from latent to pixels. What a linear code can say
of the images (their principal components) it learns much sooner than convolutions do; the convolutions add what is
not linear.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit import AttributeSchema, Code, Verdict
from attredit.errors import UsageError
from attredit.toolkit import Norm, norm_layer, stages, widths

_SMALLEST = 4


def convolutions(channels: int, image_size: int, width: int, norm: Norm) -> tuple[nn.Sequential, int]:
    """What ends in (B, F) features of images (B, C, H, W), and F."""
    sizes = [channels, *widths(width, stages(image_size))]
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        normed = [norm_layer(norm, b)] if i else []
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=not i), *normed, nn.SiLU(inplace=True)]
    return nn.Sequential(*layers, nn.Flatten()), sizes[-1] * _SMALLEST**2


def gated_by(z: Tensor, attrs: Tensor) -> Tensor:
    """Latents (B, Z), and once more for each of the attributes (B, A) with its sign: (B, Z (1 + A))."""
    return torch.cat([z, ((2.0 * attrs - 1.0)[:, :, None] * z[:, None, :]).flatten(1)], 1)


def present(styles: Tensor, attrs: Tensor, schema: AttributeSchema) -> Tensor:
    """Styles (B, n W) as far as their attributes (B, A) are present; a categorical one always is."""
    if not styles.shape[1]:
        return styles
    shares = [
        attrs[:, c].clamp(min=0.0) if a.binary else torch.ones_like(attrs[:, :1])
        for a, c in zip(schema, schema.columns, strict=True)
    ]
    return styles * torch.cat(shares, 1).repeat_interleave(styles.shape[1] // len(schema), 1)


class PixelsToLatent(nn.Linear):
    """The linear path's first half: images (B, C, H, W) in [0, 1], averaged to S x S, to (B, Z)."""

    def __init__(self, channels: int, size: int, latent_dim: int) -> None:
        super().__init__(channels * size**2, latent_dim, bias=False)
        self.size = size
        nn.init.normal_(self.weight, std=self.in_features**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Centred pixels to what is added to the latent's mean."""
        return super().forward(F.adaptive_avg_pool2d(images - 0.5, self.size).flatten(1))


class LatentToPixels(nn.Module):
    """The linear path's second half: latent (B, Z) and attributes (B, A) to image logits (B, C, H, W), drawn at S x S.

    Linear in the latent, with weights that the attributes change, if they are to. What the latent says of glasses is
    then drawn by weights that only images with glasses have trained, so that asking for none draws none, even where the
    latent still knows of them. The attributes have no pattern of their own here: training would find one that fools the
    label head.
    """

    def __init__(
        self, latent_dim: int, attr_dim: int, channels: int, size: int, image_size: int, *, gated: bool = True
    ) -> None:
        super().__init__()
        self.shape, self.image_size, self.gated = (channels, size, size), image_size, gated
        self.linear = nn.Linear(latent_dim * (1 + gated * attr_dim), channels * size**2)
        nn.init.normal_(self.linear.weight, std=1e-3)  # starts as (almost) nothing, and learns first

    def forward(self, z: Tensor, attrs: Tensor) -> Tensor:
        """What is added to the image's logits."""
        logits: Tensor = self.linear(gated_by(z, attrs) if self.gated else z).view(-1, *self.shape)
        if self.image_size == self.shape[-1]:
            return logits
        return F.interpolate(logits, size=self.image_size, mode="bilinear", align_corners=False)


class ConvEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z) and label logits (B, A).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels of the first stage, doubling at each of the others, at most 8 times.
        linear_size: Side in pixels at which the linear path reads the images, at most H; 0 for no such path.
        norm: "group" or "batch".
        classify: Have a label head.
        read_labels: Read the class too, q(z given x and c), where the trunk ends.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        width: int = 16,
        linear_size: int = 64,
        norm: Norm = "group",
        classify: bool = True,
        read_labels: bool = False,
    ) -> None:
        super().__init__()
        self.trunk, features = convolutions(channels, image_size, width, norm)
        self.read_labels = read_labels
        self.latent = nn.Linear(features + read_labels * attr_dim, 2 * latent_dim)
        self.head = nn.Linear(features, attr_dim) if classify else None
        size = min(linear_size, image_size)
        self.linear = PixelsToLatent(channels, size, latent_dim) if size else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are read only if the encoder was made to."""
        flat = self.trunk(images)
        mean, logvar = self.latent(self._told(flat, labels)).chunk(2, 1)
        if self.linear is not None:
            mean = mean + self.linear(images)
        return Code(mean, logvar, None if self.head is None else self.head(flat))

    def _told(self, flat: Tensor, labels: Tensor | None) -> Tensor:
        if not self.read_labels:
            return flat
        if labels is None:
            raise UsageError(
                "This encoder reads the class, and cannot be the part that predicts it.",
                "Set predictor to a classifier, or read_labels to false.",
            )
        return torch.cat([flat, 2 * labels - 1], 1)


class ConvDecoder(nn.Module):
    """Latent (B, Z) and attributes (B, A) to image logits (B, C, H, W).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels before the last stage.
        linear_size: Side in pixels at which the linear path draws, at most H; 0 for no such path. It has
            (1 + A) Z C S^2 weights: with dozens of attributes, 32 is enough.
        gated: Let the attributes change the linear path's weights; without, it has Z C S^2 of them.
        norm: "group" or "batch".
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        width: int = 16,
        linear_size: int = 64,
        gated: bool = True,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        sizes = widths(width, stages(image_size))[::-1]
        self.top = sizes[0]
        self.start = nn.Linear(latent_dim + attr_dim, self.top * _SMALLEST**2)
        layers: list[nn.Module] = [norm_layer(norm, self.top), nn.SiLU(inplace=True)]
        for a, b in pairwise(sizes):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), norm_layer(norm, b), nn.SiLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], channels, 4, 2, 1))
        size = min(linear_size, image_size)
        path = LatentToPixels(latent_dim, attr_dim, channels, size, image_size, gated=gated) if size else None
        self.linear = path

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        # Centred attributes: 0 and 1 push equally far, and an untrained column costs nothing.
        told = torch.cat([z, 2 * attrs - 1], 1)
        logits: Tensor = self.layers(self.start(told).unflatten(1, (self.top, _SMALLEST, _SMALLEST)))
        return logits if self.linear is None else logits + self.linear(z, attrs)


class ConvDiscriminator(nn.Module):
    """Images (B, C, H, W) to realness (B, 1), label logits (B, A) if asked for, and every layer's features.

    Also a classifier that shares nothing with the encoder. The last features are what the linear heads read.

    Args:
        channels: C.
        image_size: H = W.
        attr_dim: A.
        width: Channels of the first stage, doubling at each of the others, at most 8 times.
        hidden: Units of a fully connected layer before the heads; 0 for none.
        norm: "group" or "batch".
        classify: Add a label head.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        attr_dim: int,
        width: int = 16,
        hidden: int = 0,
        norm: Norm = "group",
        classify: bool = False,
    ) -> None:
        super().__init__()
        sizes = [channels, *widths(width, stages(image_size))]
        self.layers = nn.ModuleList()
        for i, (a, b) in enumerate(pairwise(sizes)):
            normed = [norm_layer(norm, b)] if i else []
            self.layers.append(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1, bias=not i), *normed, nn.LeakyReLU(0.2)))
        features = sizes[-1] * _SMALLEST**2
        if hidden:
            self.layers.append(nn.Sequential(nn.Flatten(), nn.Linear(features, hidden), nn.LeakyReLU(0.2)))
        self.realness = nn.Linear(hidden or features, 1)
        self.head = nn.Linear(hidden or features, attr_dim) if classify else None

    def forward(self, images: Tensor) -> Verdict:
        """Judge images."""
        features = []
        for layer in self.layers:
            images = layer(images)
            features.append(images)
        flat = images.flatten(1)
        return Verdict(self.realness(flat), None if self.head is None else self.head(flat), tuple(features))
