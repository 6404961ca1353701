"""The Hilbert-Schmidt independence criterion between latents and labels, and the method that minimises it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit import BatchView, Part, Player, Recipe, Term


class HSIC(nn.Module):
    """tr(KHLH) / (n - 1)^2 of a Gaussian kernel on sampled z and a linear one on y (Gretton et al. 2005, eq. 9)."""

    def penalty(self, view: BatchView) -> Tensor:
        """The criterion over the global batch: never negative, with a bias of order 1/n."""
        return hsic(view.gather(view.z().flatten(1)), view.gather(view.targets))

    def fit(self, view: BatchView) -> None:
        """Nothing to fit."""


def hsic(z: Tensor, y: Tensor) -> Tensor:
    """The criterion from samples z (n, Z) and y (n, A), n > 1; the kernel's variance is z's median squared distance.

    With a linear kernel it is a sum over attributes, each of the images that have a label of it; others are NaN.
    """
    norms = z.square().sum(1)
    squared = (norms[:, None] + norms[None, :] - 2.0 * z @ z.T).clamp(min=0.0)  # rounding may leave tiny negatives
    one, other = torch.triu_indices(len(z), len(z), offset=1)
    variance = squared.detach()[one, other].median().clamp(min=1e-12)
    kernel = (-squared / (2.0 * variance)).exp()
    centred = (y - y.nanmean(0)).nan_to_num(nan=0.0)  # H L H of the linear kernel is this times its transpose
    others = (~y.isnan()).sum(0) - 1
    return ((centred * (kernel @ centred)).sum(0) / others.clamp(min=1) ** 2).sum()


RECIPE = Recipe(
    extends="naive-cvaegan",
    parts={"factorizer": Part(use="hsic")},
    players={"autoencoder": Player(trains=("encoder", "decoder"), terms={"penalty": Term(weight=1.0)})},
)
