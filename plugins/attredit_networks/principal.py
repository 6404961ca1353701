"""Networks that begin with the principal components of the training images.

Most of what images of one kind are, a linear code can say, and the best linear code is known before training: the
principal components. The latent's mean is linear in them, and stays so; the decoder draws them, with weights that the
attributes change, and adds what convolutions say beside them. So training starts from a model that reconstructs, and
its steps are spent on what that model lacks: taking the attributes out of the latent, and what is not linear.

Convolutions tell the labels and how sure the code is, but do not write into its mean. They know the labels, because the
label head trains them; a mean that they write into leaks them sooner than a factorizer can take them out. What the
label head says may only shift the mean: so the difference between images with and without an attribute that any
adversary sees first, that of their means, is taken out without giving up a direction.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from attredit import AttributeSchema, Code
from attredit.devices import seeded
from attredit.toolkit import Norm
from attredit_networks.conv import ConvDecoder, convolutions, gated_by, present

_MORE = (
    20  # directions beyond those asked for, which make the approximate decomposition exact enough (Halko et al. 2011)
)
_FLAT = 1e-4  # a direction in which images vary less than this is none
_known: WeakIdKeyDictionary = WeakIdKeyDictionary()  # of images that live: what was last asked of them, and the answer


class PrincipalComponents(nn.Module):
    """K directions in which images vary most, each with its standard deviation (Pearson 1901).

    Random directions until `fit` is called; those of the training images from then on, kept with the weights.

    Args:
        channels: C.
        size: S; images are averaged to S x S.
        count: K. Where there are fewer images or pixels, the rest are 0.
    """

    center: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, channels: int, size: int, count: int) -> None:
        super().__init__()
        pixels = channels * size**2
        self.size = size
        self.register_buffer("center", torch.full((pixels,), 0.5))
        self.register_buffer("basis", torch.randn(count, pixels) * pixels**-0.5)
        self.register_buffer("scale", torch.ones(count))

    def fit(self, images: Tensor) -> None:
        """Take the directions of images (N, C, H, W) in [0, 1]; a function of them alone."""
        center, scale, basis = _components(images, self.size, len(self.scale))
        count = int((scale > _FLAT).sum())
        self.center.copy_(center)
        self.basis.zero_()[:count] = basis[:count]
        self.scale.fill_(1.0)[:count] = scale[:count]

    def read(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to coordinates (B, K), of unit variance over the images of `fit`."""
        return F.linear(_flat(images, self.size) - self.center, self.basis) / self.scale

    def draw(self, coordinates: Tensor) -> Tensor:
        """Coordinates (B, K) to differences (B, C S^2) from the mean image."""
        return (coordinates * self.scale) @ self.basis


def _components(images: Tensor, size: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """`_decomposed`, once for the networks that share a latent and start from the same images."""
    asked = (images._version, size, count)  # the version tells whether they were written to
    if images not in _known or _known[images][0] != asked:
        _known[images] = asked, _decomposed(_flat(images, size), count)
    found: tuple[Tensor, Tensor, Tensor] = _known[images][1]
    return found


def _decomposed(flat: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of images (N, P): their mean (P,), and at most `count` standard deviations (K,) and directions (K, P)."""
    center = flat.mean(0)
    flat = flat - center
    with seeded(0):
        _, singular, right = torch.svd_lowrank(flat, min(count + _MORE, *flat.shape), niter=2)
    scale, basis = (singular / len(flat) ** 0.5)[:count], right.T[:count]
    # Their signs are nobody's choice; networks that share a latent have to agree on them.
    return center, scale, basis * basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()


def _flat(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] != size:
        images = F.adaptive_avg_pool2d(images, size)
    return images.flatten(1)


class PrincipalEncoder(nn.Module):
    """Images (B, C, H, W) to mean and log-variance (B, Z + n W) and label logits (B, A).

    Styles, which are nothing of all images but of those that have an attribute, the convolutions tell.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        schema: The n attributes, whose columns the label head predicts.
        style_dim: W.
        width: Channels of the convolutions' first stage, doubling at each of the others, at most 8 times.
        components: K, how many principal components the mean is made of, at least Z.
        linear_size: Side in pixels at which they read the images, at most H.
        noise: Squared error, summed over an image's pixels, that each latent's variance begins with.
        norm: "group" or "batch".
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        schema: AttributeSchema,
        style_dim: int = 0,
        width: int = 16,
        components: int = 320,
        linear_size: int = 64,
        noise: float = 0.05,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        self.noise, self.schema = noise, schema
        count = max(components, latent_dim)
        self.trunk, features = convolutions(channels, image_size, width, norm)
        self.components = PrincipalComponents(channels, min(linear_size, image_size), count)
        self.mean = _identity(nn.Linear(count + attr_dim, latent_dim, bias=False), latent_dim)
        self.logvar, self.head = nn.Linear(features, latent_dim), nn.Linear(features, attr_dim)
        nn.init.normal_(self.logvar.weight, std=1e-3)
        self.style = nn.Linear(features, 2 * style_dim * len(schema)) if style_dim else None

    def initialize(self, images: Tensor) -> None:
        """Start as the principal components of images (N, C, H, W)."""
        self.components.fit(images)
        variance = self.components.scale[: len(self.logvar.bias)].square()
        self.logvar.bias.data.copy_((self.noise / variance).clamp(max=0.9).log())

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        flat = self.trunk(2.0 * images - 1.0)  # centred: the label head learns several times sooner
        attrs = self.head(flat)
        # What the head says is the labels' business alone; the latent only uses it.
        told = 2.0 * self.schema.probabilities(attrs.detach()) - 1.0
        mean, logvar = self.mean(torch.cat([self.components.read(images), told], 1)), self.logvar(flat)
        if self.style is not None:
            style, spread = self.style(flat).chunk(2, 1)
            mean, logvar = torch.cat([mean, style], 1), torch.cat([logvar, spread], 1)
        return Code(mean, logvar, attrs)


class PrincipalDecoder(nn.Module):
    """Latent (B, Z + n W) and attributes (B, A) to image logits (B, C, H, W).

    A style is drawn as far as its attribute is present.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        schema: The n attributes.
        style_dim: W.
        width: Channels before the convolutions' last stage.
        components: K, how many principal components are drawn, at least Z.
        linear_size: Side in pixels at which they are drawn, at most H.
        gated: Let the attributes change how the latent draws them, as in `LatentToPixels`.
        norm: "group" or "batch".
    """

    slope: Tensor

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        schema: AttributeSchema,
        style_dim: int = 0,
        width: int = 16,
        components: int = 320,
        linear_size: int = 64,
        gated: bool = True,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        size, count = min(linear_size, image_size), max(components, latent_dim)
        self.shape, self.image_size, self.gated = (channels, size, size), image_size, gated
        self.components = PrincipalComponents(channels, size, count)
        self.latent_dim, self.schema, styles = latent_dim, schema, style_dim * len(schema)
        self.coordinates = _identity(nn.Linear(latent_dim * (1 + gated * attr_dim) + styles, count), latent_dim)
        self.convolutions = ConvDecoder(
            channels=channels, image_size=image_size, latent_dim=latent_dim + styles, attr_dim=attr_dim, width=width,
            linear_size=0, norm=norm,
        )  # fmt: skip
        self.center = nn.Parameter(torch.zeros(channels * size**2))
        self.register_buffer("slope", torch.ones(channels * size**2))

    def initialize(self, images: Tensor) -> None:
        """Start by drawing the principal components of images (N, C, H, W), and little else."""
        self.components.fit(images)
        mean = self.components.center.clamp(0.02, 0.98)
        self.center.data.copy_(mean.logit())
        self.slope.copy_(1.0 / (mean * (1.0 - mean)).clamp(min=0.1))  # of the logit, about the mean image
        last = self.convolutions.layers[-1]
        assert isinstance(last, nn.ConvTranspose2d)
        last.weight.data.mul_(0.1)

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        content, styles = z[:, : self.latent_dim], present(z[:, self.latent_dim :], attrs, self.schema)
        told = torch.cat([gated_by(content, attrs) if self.gated else content, styles], 1)
        drawn = (self.components.draw(self.coordinates(told)) * self.slope + self.center).view(-1, *self.shape)
        if self.image_size != self.shape[-1]:
            drawn = F.interpolate(drawn, size=self.image_size, mode="bilinear", align_corners=False)
        logits: Tensor = self.convolutions(torch.cat([content, styles], 1), attrs) + drawn
        return logits


def _identity(layer: nn.Linear, count: int) -> nn.Linear:
    """The layer, copying the first `count` of its inputs and ignoring the rest."""
    nn.init.zeros_(layer.weight)
    nn.init.eye_(layer.weight[:count, :count])
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
