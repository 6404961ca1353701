"""The autoencoder of latent diffusion (Rombach et al. 2022), diffusers' AutoencoderKL, as an encoder and a decoder."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from attredit import Code, UsageError

WIDTHS = (16, 32, 32, 32)


def autoencoder(channels: int, latent_channels: int, widths: tuple[int, ...]) -> AutoencoderKL:
    """Both halves.

    Args:
        channels: C.
        latent_channels: Of the feature map between them.
        widths: Channels of each stage, multiples of 8; each but the last halves the image.
    """
    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=tuple(widths),
        latent_channels=latent_channels,
        norm_num_groups=8,
    )


class KLEncoder(nn.Module):
    """Images (B, C, H, W) to a feature map (B, Z, h, w), h = w = H / 2^(stages - 1).

    Args:
        channels: C.
        latent_dim: Z.
        widths: Channels of each stage.
    """

    def __init__(self, *, channels: int, latent_dim: int, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        whole = autoencoder(channels, latent_dim, widths)
        self.encoder, self.moments = whole.encoder, whole.quant_conv

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        mean, logvar = self.moments(self.encoder(2.0 * images - 1.0)).chunk(2, 1)
        return Code(mean, logvar, None)


class KLDecoder(nn.Module):
    """Feature map (B, Z, h, w) and attributes (B, A), which join as constant planes, to image logits (B, C, H, W).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        widths: Channels of each stage, as the encoder has them.

    Raises:
        UsageError: an image size that cannot be halved so often.
    """

    def __init__(
        self, *, channels: int, image_size: int, latent_dim: int, attr_dim: int, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        side, rest = divmod(image_size, 2 ** (len(widths) - 1))
        if rest:
            raise UsageError(f"{len(widths)} stages cannot halve images of {image_size} pixels.", "Name fewer widths.")
        whole = autoencoder(channels, latent_dim + attr_dim, widths)
        self.enter, self.decoder = whole.post_quant_conv, whole.decoder
        self.latent_shape = (latent_dim, side, side)

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode; `code` is not read."""
        planes = attrs[:, :, None, None].expand(-1, -1, *z.shape[2:])
        logits: Tensor = self.decoder(self.enter(torch.cat([z, planes], 1)))
        return logits
