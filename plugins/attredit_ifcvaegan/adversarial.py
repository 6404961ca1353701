"""Factorization by an adversary: an auxiliary network A predicts y from z, the encoder makes it fail (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attredit import AttributeSchema, BatchView

_LEAST = 1e-5  # keeps what hardly varies, or nobody has, from being divided by nothing


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
        self.attr_dim, self.draw, self.normalize = attr_dim, int(resample), normalize

    def forward(self, z: Tensor) -> Tensor:
        """Latents (B, Z) to label logits (B, A)."""
        logits: Tensor = self.layers(z)
        return logits

    def logits(self, view: BatchView) -> Tensor:
        """A's prediction for the batch, computed once a step for both players."""
        logits: Tensor = view.once("logits", lambda: self._said(view)[:, : self.attr_dim], self)
        return logits

    def fit(self, view: BatchView) -> Tensor:
        """Equation 7: A's cross-entropy with the true labels."""
        return view.loss(self.logits(view), view.targets)

    def penalty(self, view: BatchView) -> Tensor:
        """Minus equation 7."""
        return -self.fit(view)

    def _said(self, view: BatchView) -> Tensor:
        said: Tensor = view.once("said", lambda: view.part(self)(self._input(view)), self)
        return said

    def _input(self, view: BatchView) -> Tensor:
        z = view.z("real", self.draw)
        if not self.normalize:
            return z
        # Statistics over the global batch, so that the number of processes does not change the result.
        whole = view.gather(z)
        return (z - whole.mean(0)) * torch.rsqrt(whole.var(0, unbiased=False) + _LEAST)


class Confusion(Minimax):
    """The same optimum, bounded: the encoder minimises the cross-entropy with the uninformative target (1/2).

    Of a latent with styles, A may also foretell those of the attributes that an image has, and the encoder makes it say
    their mean. Content that tells which glasses there are is drawn with these, whatever style it is given.

    Args:
        latent_dim: Z.
        attr_dim: A.
        schema: The n attributes.
        style_dim: W.
        width: See `Minimax`, as for the next two.
        resample: Likewise.
        normalize: Likewise.
        styles: Weight of the squared foretold styles, in standard deviations, beside the cross-entropy; 0: none is.
    """

    def __init__(
        self, *, latent_dim: int, attr_dim: int, schema: AttributeSchema, style_dim: int = 0, width: int = 1000,
        resample: bool = False, normalize: bool = False, styles: float = 0.0,
    ) -> None:  # fmt: skip
        foretold = style_dim * len(schema) if styles else 0
        super().__init__(
            latent_dim=latent_dim, attr_dim=attr_dim + foretold, width=width, resample=resample, normalize=normalize
        )
        self.attr_dim, self.styles, self.foretold = attr_dim, styles, foretold

    def fit(self, view: BatchView) -> Tensor:
        """Equation 7, and the squared error of the foretold styles."""
        return super().fit(view) + self._styles(view, lambda said, styles: said - styles)

    def penalty(self, view: BatchView) -> Tensor:
        """Cross-entropy with 1/2, of images with a label, least when A is undecided; and squares of foretold styles."""
        undecided = view.loss(self.logits(view), view.schema.uniform(view.targets))
        return undecided + self.styles * self._styles(view, lambda said, styles: said)

    def _styles(self, view: BatchView, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The mean square of something of the foretold (B, n, W) and the true styles, where an attribute is present."""
        if not self.foretold:
            return view.real.new_zeros(())
        n = len(view.schema)
        worn = [
            view.targets[:, c] == 1 if a.binary else ~view.targets[:, c].isnan()[:, :1]
            for a, c in zip(view.schema, view.schema.columns, strict=True)
        ]
        has = torch.cat(worn, 1).float()
        everyone = view.gather(has)
        said = self._said(view)[:, self.attr_dim :].view(len(has), n, -1)
        found = of(said, view.once("styles", lambda: _standardised(view, has, everyone), self))
        # Every process divides by what all of them have, as in `BatchView.loss`.
        return ((found.square().mean(2) * has).mean(0) / everyone.mean(0).clamp(min=_LEAST)).mean()


def _standardised(view: BatchView, has: Tensor, everyone: Tensor) -> Tensor:
    """(B, n, W) styles, constant, in standard deviations from the mean of the global batch's that are worn."""
    styles = view.code().mean[:, view.model.latent_dim :].detach().view(*has.shape, -1)
    whole, count = view.gather(styles), everyone.sum(0).clamp(min=1.0)[:, None]
    middle = (whole * everyone[..., None]).sum(0) / count
    spread = ((whole - middle).square() * everyone[..., None]).sum(0) / count
    return (styles - middle) * torch.rsqrt(spread + _LEAST)


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
