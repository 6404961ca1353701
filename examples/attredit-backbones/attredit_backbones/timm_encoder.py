"""Models of timm (Wightman 2019) as encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import Tensor, nn

from attredit import Code, UsageError


class TimmEncoder(nn.Module):
    """Images (B, C, H, W) to the pooled last feature map of a model of timm, and that to (B, Z) and attributes (B, A).

    Args:
        channels: C.
        image_size: H = W.
        latent_dim: Z.
        attr_dim: A.
        model: Any that timm lists and that gives feature maps. The default norms each image by itself; one with batch
            norm needs batches of several images.
        pretrained: Start training from timm's weights, which it downloads if they are not in its cache.
        skips: Also give the other feature maps to the decoder.
        arguments: Of the model, such as ``{"img_size": 64}`` for a vision transformer.

    Raises:
        UsageError: images that are too small for the model.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        latent_dim: int,
        attr_dim: int,
        model: str = "convnext_atto",
        pretrained: bool = False,
        skips: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._asked = {"model_name": model, "in_chans": channels, "features_only": True, **(arguments or {})}
        self.pretrained, self.skips = pretrained, skips
        self.model = timm.create_model(**self._asked)
        smallest = max(self.model.feature_info.reduction())
        if image_size < smallest:
            raise UsageError(f"timm's {model} needs images of {smallest} pixels or more, not {image_size}.")
        *before, last = self.model.feature_info.channels()
        self.skip_channels = tuple(before) if skips else ()
        self.head = nn.Linear(last, 2 * latent_dim + attr_dim)
        self.sizes = [latent_dim, latent_dim, attr_dim]
        for name in ("mean", "std"):  # of the images that the model of these weights has seen
            value = torch.tensor(self.model.pretrained_cfg[name])
            value = value if len(value) == channels else value.mean().expand(channels)
            self.register_buffer(name, value[:, None, None].contiguous(), persistent=False)

    def initialize(self, images: Tensor) -> None:
        """Take timm's weights, if they are wanted; `images` are not looked at."""
        if self.pretrained:
            self.model.load_state_dict(timm.create_model(**self._asked, pretrained=True).state_dict())

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode; `labels` are not read."""
        *before, last = self.model((images - self.mean) / self.std)
        mean, logvar, attrs = self.head(last.mean((2, 3))).split(self.sizes, 1)
        return Code(mean, logvar, attrs, tuple(before) if self.skips else ())
