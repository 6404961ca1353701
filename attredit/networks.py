"""Encoders, decoders and discriminators: what they obey, and how a recipe's are built.

Protocols, so plugins inherit from nothing of ours.

Shapes: B batch, A width of the conditioning vector, Z latent width, n attributes, W width of a style, C channels, H and
W image size. Images are float in [0, 1], NCHW. Constructors are keyword-only; `build_part` passes those of `channels`,
`image_size`, `latent_dim`, `style_dim`, `attr_dim`, `schema` and, to decoders, `skip_channels` that they ask for,
beside the recipe's options.

Constructors are also called when a trained model is read, before its weights replace the first ones. A network that
starts from weights of another, or from what the training images are, has a method ``initialize(images)``, called only
when a training starts, with some of them: (N, C, H, W), the same for all parts and processes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.errors import PluginError, UsageError
from attredit.plugin.calling import call
from attredit.plugin.registry import Registry
from attredit.recipe import Recipe


class Code(NamedTuple):
    """What an encoder says of images.

    Attributes:
        mean: (B, Z), or a feature map (B, Z, h, w).
        logvar: Shaped as mean; None for an encoder that does not sample.
        attrs: (B, A) logits of the label head; None where there is none.
        skips: Feature maps for decoders with skip connections.
        labels: (B, A) what the image itself is taken to have: true labels in training (predicted ones where they are
            missing), predicted ones in editing. The core fills it in, for decoders that edit by difference.
        z: The latent that edits start from, shaped as mean; the core fills it in, in editing.
    """

    mean: Tensor
    logvar: Tensor | None
    attrs: Tensor | None
    skips: tuple[Tensor, ...] = ()
    labels: Tensor | None = None
    z: Tensor | None = None


class Verdict(NamedTuple):
    """What a discriminator or classifier says of images.

    Attributes:
        realness: (B, 1) logits.
        attrs: (B, A) logits; None where it has no label head.
        features: Feature maps, shallow to deep, for feature matching.
    """

    realness: Tensor
    attrs: Tensor | None = None
    features: tuple[Tensor, ...] = ()


class Encoder(Protocol):
    """Images (B, C, H, W) to a code.

    `labels` (B, A) are for encoders that read the class (CVAE-GAN): true ones in training (predicted ones where they
    are missing), predicted ones in editing; None when the encoder itself is the recipe's predictor.

    Of a recipe with styles its mean is (B, Z + n W): the content, and for each attribute in order W numbers that hold
    what only images with it have: which glasses. Factorizers and probes read the content; decoders the whole; an edit
    may take an attribute's style from another image.

    An encoder whose codes have skips says their channels in ``skip_channels``; a decoder that asks for an argument of
    that name is given them, or () where there are none.
    """

    def __call__(self, images: Tensor, labels: Tensor | None) -> Code:
        """See the class."""


class Decoder(Protocol):
    """Latent (B, Z) and wanted attributes (B, A) to image logits (B, C, H, W); the core applies the sigmoid.

    `code` is what is known of the unedited image, for methods that edit by difference (`code.labels`) or through skip
    connections; None when the latent comes from the prior.

    A decoder of feature maps that can be given samples of the prior says their shape, (Z, h, w), in ``latent_shape``.
    """

    def __call__(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        """See the class."""


class Compositor(Protocol):
    """What the decoder changes, brought into an image's own pixels: a composite edit.

    Differentiable, for images of any size. One that edits at the decoder's size and is exported to ONNX has beside this
    ``edited``, of the same arguments: what it makes of images that are as small, (B, c, h, w). One that draws what it
    blends may have ``reach``: what is taken off is given to it with so many pixels of 64 around.
    """

    def __call__(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """Blend.

        Args:
            images: (B, C, H, W) in [0, 1].
            before: (B, c, h, w) decoded with the attributes that the images have.
            after: (B, c, h, w) decoded with the wanted ones.
            change: (B, 1, h, w) how much of each place belongs to the edit: where these two differ, or where styles of
                what is taken off do.
            attrs: (B, A) what the edited images have, as the decoder is told it.

        Returns:
            (B, C, H, W) in [0, 1], equal to `images` where nothing is to change.
        """


class Discriminator(Protocol):
    """Images (B, C, H, W) to a verdict; also what a separate classifier is."""

    def __call__(self, images: Tensor) -> Verdict:
        """See the class."""


def latent_shape(decoder: object, latent_dim: int) -> tuple[int, ...]:
    """Of one sample of the prior: what the decoder says, or (Z,)."""
    return tuple(getattr(decoder, "latent_shape", (latent_dim,)))


@dataclass(frozen=True)
class NetworkSizes:
    """What constructors of networks may ask for.

    Attributes:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        schema: The attributes that are edited.
        skip_channels: Of the encoder's skips; for decoders.
        style_dim: W.
    """

    channels: int
    image_size: int
    latent_dim: int
    schema: AttributeSchema
    skip_channels: tuple[int, ...] = ()
    style_dim: int = 0

    @property
    def attr_dim(self) -> int:
        """A, the width of the conditioning vector."""
        return self.schema.width

    @property
    def width(self) -> int:
        """Z + n W, of the whole latent."""
        return self.latent_dim + self.style_dim * len(self.schema)

    @property
    def offered(self) -> dict[str, Any]:
        """All of these by the name of the argument."""
        return {**vars(self), "attr_dim": self.attr_dim}


def build_parts(registry: Registry, recipe: Recipe, names: Iterable[str], sizes: NetworkSizes) -> dict[str, nn.Module]:
    """Some parts of a recipe; the encoder first, whose skip connections the decoder is told of.

    Raises:
        UsageError, PluginError: as `build_part` does.
    """
    parts: dict[str, nn.Module] = {}
    for name in sorted(names, key=lambda name: name != "encoder"):
        parts[name] = build_part(registry, recipe, name, sizes)
        if name == "encoder":
            sizes = replace(sizes, skip_channels=tuple(getattr(parts[name], "skip_channels", ())))
    return parts


def build_part(registry: Registry, recipe: Recipe, name: str, sizes: NetworkSizes) -> nn.Module:
    """One network or strategy of a recipe.

    Raises:
        UsageError: an unknown component or option.
        PluginError: it is no torch module.
    """
    part = recipe.parts[name]
    component = registry.find(recipe.kind_of(name), part.use)
    make = component.load()
    asks = inspect.signature(make).parameters
    if sizes.style_dim and component.kind in ("encoder", "decoder") and "style_dim" not in asks:
        raise UsageError(f"The {component.kind} {part.use!r} knows no styles.", "Set style_dim to 0, or use another.")
    offered = {k: v for k, v in sizes.offered.items() if k in asks}
    module = call(make, f"parts.{name}.options", {**offered, **part.options}, f"{component.kind} {component.id}")
    if not isinstance(module, nn.Module):
        raise PluginError(f"{component.kind} {component.id} is a {type(module).__name__}, not a torch.nn.Module.")
    return module
