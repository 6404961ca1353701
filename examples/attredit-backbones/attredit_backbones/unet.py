"""The way up of a U-Net (Ronneberger et al. 2015), for encoders whose codes have skips, and for those without."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit import Code
from attredit.toolkit import norm_layer, stages, widths


class UNetDecoder(nn.Module):
    """Latent (B, Z), attributes (B, A) and skips to image logits (B, C, H, W).

    The deepest skip joins at 4x4, the next at 8x8, and so on, resized to that: added after a 1x1 convolution, so that a
    sample of the prior, which has none, does without. Every stage reads the attributes: skips know the image's own.

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        skip_channels: Of the encoder's skips, shallow to deep.
        width: Channels of the last stage.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        skip_channels: tuple[int, ...] = (),
        width: int = 16,
    ) -> None:
        super().__init__()
        sizes = widths(width, stages(image_size) + 1)[::-1]
        self.start = nn.Linear(latent_dim, sizes[0] * 16)
        self.sides = nn.ModuleList(nn.Conv2d(s, w, 1) for s, w in zip(skip_channels[::-1], sizes[:-1], strict=False))
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2), nn.Conv2d(a + attr_dim, b, 3, 1, 1), norm_layer("group", b), nn.SiLU()
            )
            for a, b in pairwise(sizes)
        )
        self.end = nn.Conv2d(sizes[-1], channels, 3, 1, 1)

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Decode, with the skips of `code`, if there are any."""
        x = self.start(z).unflatten(1, (-1, 4, 4))
        skips = code.skips[::-1] if code is not None else ()
        for i, stage in enumerate(self.stages):
            if skips and i < len(self.sides):
                x = x + F.interpolate(self.sides[i](skips[i]), x.shape[2:])
            x = stage(torch.cat([x, attrs[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))
        logits: Tensor = self.end(x)
        return logits
