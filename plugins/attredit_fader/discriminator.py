"""The latent discriminator of Lample et al. 2017 (equations 1 and 2)."""

from __future__ import annotations

from torch import Tensor, nn

from attredit import BatchView
from attredit.toolkit import Norm, norm_layer, stages

_SIDE = 4


class LatentDiscriminator(nn.Module):
    """Reads attributes off a feature map (B, Z, 4, 4); the encoder minimises its cross-entropy with opposite labels.

    4x4 stride-2 convolutions down to 1 x 1, a hidden layer, and a label head. One pass, with one dropout mask, serves
    both sides.

    Args:
        latent_dim: Z.
        attr_dim: A.
        width: Channels of the convolutions and units of the hidden layer; the paper's is 512.
        dropout: Share of features dropped after each layer.
        norm: "group", or the paper's "batch".
    """

    def __init__(
        self, *, latent_dim: int, attr_dim: int, width: int = 512, dropout: float = 0.3, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(stages(_SIDE, 1)):
            layers += [
                nn.Conv2d(width if i else latent_dim, width, 4, 2, 1, bias=False),
                norm_layer(norm, width),
                nn.LeakyReLU(0.2),
                nn.Dropout(dropout),
            ]
        hidden = [nn.Flatten(), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, *hidden, nn.Linear(width, attr_dim))

    def forward(self, z: Tensor) -> Tensor:
        """Feature maps (B, Z, 4, 4) to label logits (B, A)."""
        logits: Tensor = self.layers(z)
        return logits

    def logits(self, view: BatchView) -> Tensor:
        """Its prediction for the batch, computed once a step for both players."""
        logits: Tensor = view.once("logits", lambda: view.part(self)(view.z()), self)
        return logits

    def fit(self, view: BatchView) -> Tensor:
        """Equation 1: cross-entropy with the true labels."""
        return view.loss(self.logits(view), view.targets)

    def penalty(self, view: BatchView) -> Tensor:
        """Equation 2: cross-entropy with the opposite labels."""
        return view.loss(self.logits(view), view.schema.opposite(view.targets))
