"""Factorization by an adversary: an auxiliary network A predicts y from z, the encoder makes it fail (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit import BatchView


class Minimax(nn.Module):
    """The paper's own: the encoder maximises A's cross-entropy without bound (equations 11 and 12).

    Args:
        latent_dim: Z.
        attr_dim: A.
        width: Hidden units of the two hidden layers; the paper's is 1000.
        resample: Let A read a second sample of q(z given x) instead of the decoder's, as the authors' code does.
        normalize: Feed A a batch-normalised z (no affine), which takes away the encoder's escape by scale.
    """

    def __init__(
        self, *, latent_dim: int, attr_dim: int, width: int = 1000, resample: bool = False, normalize: bool = False
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, attr_dim)
        )
        self.draw = int(resample)
        self.normalize = normalize

    def forward(self, z: Tensor) -> Tensor:
        """Latents (B, Z) to label logits (B, A)."""
        logits: Tensor = self.layers(z)
        return logits

    def logits(self, view: BatchView) -> Tensor:
        """A's prediction for the batch, computed once a step for both players."""
        logits: Tensor = view.once("logits", lambda: view.part(self)(self._input(view)), self)
        return logits

    def fit(self, view: BatchView) -> Tensor:
        """Equation 7: A's cross-entropy with the true labels."""
        return view.loss(self.logits(view), view.targets)

    def penalty(self, view: BatchView) -> Tensor:
        """Minus equation 7."""
        return -self.fit(view)

    def _input(self, view: BatchView) -> Tensor:
        z = view.z("real", self.draw)
        if not self.normalize:
            return z
        # Statistics over the global batch, so that the number of processes does not change the result.
        whole = view.gather(z)
        return (z - whole.mean(0)) * torch.rsqrt(whole.var(0, unbiased=False) + 1e-5)


class Confusion(Minimax):
    """The same optimum, bounded: the encoder minimises the cross-entropy with the uninformative target (1/2)."""

    def penalty(self, view: BatchView) -> Tensor:
        """Cross-entropy with 1/2, of images with a label; least when A is undecided."""
        return view.loss(self.logits(view), view.schema.uniform(view.targets))


class Flip(Minimax):
    """Fader Networks' choice: the encoder minimises the cross-entropy with the opposite labels."""

    def penalty(self, view: BatchView) -> Tensor:
        """Cross-entropy with 1 - y."""
        return view.loss(self.logits(view), view.schema.opposite(view.targets))


class Entropy(Minimax):
    """CSVAE's choice: the encoder maximises the entropy of A's answer, whatever the labels say (Klys et al. 2018)."""

    def penalty(self, view: BatchView) -> Tensor:
        """Minus the entropy of A's answer, of images with a label; bounded, and least when A is undecided."""
        logits = self.logits(view)
        own = torch.where(view.targets.isnan(), view.targets, view.schema.probabilities(logits))
        return -view.loss(logits, own)
