"""What a training minimises: terms of a loss, and strategies that keep attributes out of the latent.

Protocols, so plugins inherit from nothing of ours. Both are functions of a `BatchView`.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from attredit.training.view import BatchView


class Factorizer(Protocol):
    """A strategy that keeps attribute information out of the latent."""

    def penalty(self, view: BatchView) -> Tensor:
        """The scalar that the encoder minimises."""

    def fit(self, view: BatchView) -> Tensor | None:
        """The scalar that the strategy's own network minimises (equation 7); None when it has no network."""


class TermFunction(Protocol):
    """A loss term: a function of the view, or a module when it keeps state.

    Labels may be missing, and are NaN in ``view.targets``: ``view.loss`` leaves them out.
    """

    def __call__(self, view: BatchView) -> Tensor:
        """See the class."""
