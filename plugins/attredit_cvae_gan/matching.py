"""The generator's mean feature matching (Bao et al. 2017, section 3.2): samples look like images on average."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from attredit import BatchView
from attredit.toolkit import ClassMeans
from attredit.training.losses import features

Reduction = Literal["mean", "sum"]


def match_mean(view: BatchView, part: str = "discriminator", layer: int = -1, reduction: Reduction = "mean") -> Tensor:
    """L_GD: half the squared distance of the batch's mean features of real images and of samples from the prior.

    Args:
        view: The step.
        part: The network whose features are compared.
        layer: Which of its features; the last are what its linear heads read.
        reduction: Squares are summed over features, or averaged.
    """
    real, fake = (view.gather(features(view, part, of, layer)).mean(0) for of in ("real", "prior"))
    return 0.5 * _squared(real, fake, reduction)


class ClassMeanMatching(nn.Module):
    """L_GC: the same for each class, summed over classes, with moving averages in place of the batch's means.

    A batch may have few images of a class, or none: its mean is a moving average over batches (see `ClassMeans`). Every
    value of every attribute is a class.

    Args:
        part: The network whose features are compared.
        layer: Which of its features.
        decay: What a batch still weighs when the next has come.
        reduction: Squares are summed over features, or averaged; over classes they are always summed.
    """

    def __init__(
        self, part: str = "classifier", layer: int = -1, decay: float = 0.9, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.part, self.layer, self.reduction = part, layer, reduction
        self.real, self.fake = ClassMeans(decay), ClassMeans(decay)

    def forward(self, view: BatchView) -> Tensor:
        """Take in the step's batch; its share of the averages passes the gradient on."""
        members = view.gather(view.schema.indicators(view.labels))
        real = self.real(view.gather(features(view, self.part, "real", self.layer)), members)
        fake = self.fake(view.gather(features(view, self.part, "prior", self.layer)), members)
        return 0.5 * _squared(real, fake, self.reduction).sum()


def _squared(real: Tensor, fake: Tensor, reduction: Reduction) -> Tensor:
    """(..., F) squared distances over the last dimension."""
    squares = (real - fake).square()
    return squares.sum(-1) if reduction == "sum" else squares.mean(-1)
