"""The conditional subspace VAE of Klys, Snell and Zemel 2018: x is drawn from z, which knows no attribute, and from w.

Each attribute has its own W numbers of w, and p(w given y) is narrow about the origin where it is absent and wide
elsewhere where it is present. An edit keeps z and takes w to where the other value's prior lies.

The latent holds w as its prior sees it, (w - mean) / deviation. That is the same model in other coordinates: KL[q(w
given x and y) to p(w given y)] is that of these numbers to N(0, I), a sample of the prior is N(0, I), and to ask for
another value is to place the same numbers elsewhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit import AttributeSchema, Code
from attredit.toolkit import Norm
from attredit_networks.conv import ConvDecoder, ConvEncoder


class SubspaceEncoder(nn.Module):
    """Images (B, C, H, W) and labels (B, A) to mean and log-variance (B, Z + n W).

    Two networks: q(z given x), and q(w given x and y).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        schema: The n attributes.
        style_dim: W, of each subspace; 0 for none.
        width: Channels of the first stages, doubling at each of the others, at most 8 times.
        style_width: The same of q(w given x and y).
        linear_size: Side in pixels at which q(z given x) has a linear path; 0 for none.
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
        style_width: int = 16,
        linear_size: int = 64,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        self.content = ConvEncoder(
            channels=channels, image_size=image_size, latent_dim=latent_dim, attr_dim=attr_dim, width=width,
            linear_size=linear_size, norm=norm, classify=False,
        )  # fmt: skip
        self.styles = ConvEncoder(
            channels=channels, image_size=image_size, latent_dim=style_dim * len(schema), attr_dim=attr_dim,
            width=style_width, linear_size=0, norm=norm, classify=False, read_labels=True,
        ) if style_dim else None  # fmt: skip

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; q(w given x and y) reads the labels.

        Raises:
            UsageError: there are none, because the encoder is to predict them.
        """
        z = self.content(images)
        if self.styles is None:
            return Code(z.mean, z.logvar, None)
        w = self.styles(images, labels)
        return Code(torch.cat([z.mean, w.mean], 1), torch.cat([z.logvar, w.logvar], 1), None)


class SubspaceDecoder(nn.Module):
    """Latent (B, Z + n W) to image logits (B, C, H, W); attributes (B, A) say where in W the styles lie, and no more.

    The first value of an attribute has its prior at the origin, each other one as far from the one before. Whoever
    loses an attribute gets the mean of that prior, whatever style there was.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        schema: The n attributes.
        style_dim: W.
        width: Channels before the last stage.
        linear_size: Side in pixels at which the linear path draws, at most H; 0 for no such path.
        norm: "group" or "batch".
        apart: Distance, in each coordinate, between the means of the priors of two values.
        variances: Of the prior of the first value, and of the others.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        schema: AttributeSchema,
        style_dim: int = 0,
        width: int = 16,
        linear_size: int = 64,
        norm: Norm = "group",
        apart: float = 3.0,
        variances: tuple[float, float] = (0.1, 1.0),
    ) -> None:
        super().__init__()
        self.latent_dim, self.style_dim, self.schema, self.apart = latent_dim, style_dim, schema, apart
        self.deviations = [variance**0.5 for variance in variances]
        self.networks = ConvDecoder(
            channels=channels, image_size=image_size, latent_dim=latent_dim + style_dim * len(schema), attr_dim=0,
            width=width, linear_size=linear_size, gated=False, norm=norm,
        )  # fmt: skip

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; of the code, what the image has itself is read."""
        content, styles = z[:, : self.latent_dim], z[:, self.latent_dim :]
        own = attrs if code is None or code.labels is None else code.labels
        told = torch.cat([content, self.placed(styles, attrs, own)], 1)
        logits: Tensor = self.networks(told, attrs[:, :0])
        return logits

    def placed(self, styles: Tensor, attrs: Tensor, own: Tensor) -> Tensor:
        """(B, n W) the point w of these styles (B, n W) of images with `own` (B, A) attributes, given others (B, A)."""
        if not self.style_dim:
            return styles
        narrow, wide = self.deviations
        points = []
        each = torch.split(styles, self.style_dim, 1)
        for attribute, where, style in zip(self.schema, self.schema.columns, each, strict=True):
            shares = attribute.shares(attrs[:, where])
            lost = (shares - attribute.shares(own[:, where]))[:, :1].clamp(0.0, 1.0)
            mean = self.apart * (shares @ torch.arange(shares.shape[1], dtype=shares.dtype, device=shares.device))
            deviation = wide + (narrow - wide) * shares[:, :1].clamp(0.0, 1.0)
            points.append(mean[:, None] + deviation * (1.0 - lost) * style)
        return torch.cat(points, 1)
