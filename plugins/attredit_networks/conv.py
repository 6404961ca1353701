"""Networks for small budgets: no batch statistics, so they train the same on one process or many.

Group norm keeps every image's code independent of its neighbours in the batch, which makes an edit a function of one
image and data-parallel training equal to training on one process.

Beside the convolutions runs a linear path from pixels to latent and from latent to pixels. What a linear code can say
of the images (their principal components) it has from the start; the convolutions add what is not linear.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit import Code
from attredit_networks.components import components, logits, read_out, told
from attredit_networks.paper import stages, widths

_SMALLEST = 4
# Of the latent's noise when it starts as principal components: a fifth of what the components vary.
_LOGVAR = -3.0


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(min(8, channels), channels)


class PixelsToLatent(nn.Linear):
    """The linear path's first half: images (B, C, H, W) in [0, 1], averaged to S x S, to (B, Z)."""

    def __init__(self, channels: int, size: int, latent_dim: int) -> None:
        super().__init__(channels * size**2, latent_dim, bias=False)
        self.size = size
        nn.init.normal_(self.weight, std=self.in_features**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Centred pixels to what is added to the latent's mean."""
        return super().forward(self.pixels(images) - 0.5)

    def pixels(self, images: Tensor) -> Tensor:
        """What it reads of images (B, C, H, W): (B, C S^2)."""
        return F.adaptive_avg_pool2d(images, self.size).flatten(1)


class LatentToPixels(nn.Module):
    """The linear path's second half: latent (B, Z) and attributes (B, A) to image logits (B, C, H, W), drawn at S x S.

    Linear in the latent, with weights that the attributes change. What the latent says of glasses is drawn by weights
    that only images with glasses have trained, so that asking for none draws none, even where the latent still knows of
    them. The attributes have no pattern of their own here: training would find one that fools the label head.
    """

    def __init__(self, latent_dim: int, attr_dim: int, channels: int, size: int, image_size: int) -> None:
        super().__init__()
        self.shape, self.image_size = (channels, size, size), image_size
        self.linear = nn.Linear(latent_dim * (1 + attr_dim), channels * size**2)
        nn.init.normal_(self.linear.weight, std=1e-3)  # starts as (almost) nothing, and learns first

    def forward(self, z: Tensor, attrs: Tensor) -> Tensor:
        """What is added to the image's logits."""
        gated = (2.0 * attrs - 1.0)[:, :, None] * z[:, None, :]
        logits: Tensor = self.linear(torch.cat([z, gated.flatten(1)], 1)).view(-1, *self.shape)
        if self.image_size == self.shape[-1]:
            return logits
        return F.interpolate(logits, size=self.image_size, mode="bilinear", align_corners=False)

    def initialise(self, images: Tensor, given: Tensor, scores: Tensor) -> None:
        """Draw images (N, C, H, W) from their principal components' scores (N, K) as well as a linear path can."""
        pixels = F.adaptive_avg_pool2d(images, self.shape[-1]).flatten(1)
        weights = self.linear.weight.view(len(self.linear.weight), given.shape[1], -1)
        weights[:, :, : scores.shape[1]] = read_out(pixels, given, scores)
        self.linear.bias.copy_(logits(pixels).mean(0))


class ConvEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z) and label logits (B, A).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        width: Channels of the first stage, doubling at each of the others, at most 8 times.
        linear_size: Side in pixels at which the linear path reads the images, at most H; 0 for no such path.
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
    ) -> None:
        super().__init__()
        sizes = [channels, *widths(width, image_size)]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=not i), *([_norm(b)] if i else []), nn.SiLU(inplace=True)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        features = sizes[-1] * _SMALLEST**2
        self.latent = nn.Linear(features, 2 * latent_dim)
        self.head = nn.Linear(features, attr_dim)
        size = min(linear_size, image_size)
        self.linear = PixelsToLatent(channels, size, latent_dim) if size else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        flat = self.trunk(images)
        mean, logvar = self.latent(flat).chunk(2, 1)
        if self.linear is not None:
            mean = mean + self.linear(images)
        return Code(mean, logvar, self.head(flat))

    def initialise(self, images: Tensor, targets: Tensor, parts: Mapping[str, nn.Module]) -> None:
        """Start the linear path, of the decoder too, as the images' principal components; see `components`.

        Does nothing if either of the two has no linear path.
        """
        decoder = parts["decoder"]
        if self.linear is None or not isinstance(decoder, ConvDecoder) or decoder.linear is None:
            return
        pixels, given = self.linear.pixels(images), told(targets)
        directions, scores = components(pixels, given, self.linear.out_features)
        count = scores.shape[1]
        self.linear.weight[:count] = directions.T
        self.latent.weight.mul_(0.1)  # the convolutions begin as corrections
        self.latent.bias[:count] = -directions.T @ (pixels.mean(0) - 0.5)
        self.latent.bias[self.linear.out_features :] = _LOGVAR
        decoder.linear.initialise(images, given, scores)


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
    ) -> None:
        super().__init__()
        sizes = widths(width, image_size)[::-1]
        self.top = sizes[0]
        self.start = nn.Linear(latent_dim + attr_dim, self.top * _SMALLEST**2)
        layers: list[nn.Module] = [_norm(self.top), nn.SiLU(inplace=True)]
        for a, b in pairwise(sizes):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), _norm(b), nn.SiLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], channels, 4, 2, 1))
        assert len(sizes) == stages(image_size)
        size = min(linear_size, image_size)
        self.linear = LatentToPixels(latent_dim, attr_dim, channels, size, image_size) if size else None

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        # Centred attributes: 0 and 1 push equally far, and an untrained column costs nothing.
        told = torch.cat([z, 2 * attrs - 1], 1)
        logits: Tensor = self.layers(self.start(told).unflatten(1, (self.top, _SMALLEST, _SMALLEST)))
        return logits if self.linear is None else logits + self.linear(z, attrs)
