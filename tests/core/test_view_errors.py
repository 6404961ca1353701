"""Terms that ask for what a recipe does not have are told so in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attredit import AttributeSchema, Code
from attredit.editing.model import Model
from attredit.errors import UsageError
from attredit.rows import Slice
from attredit.training.losses import kl_
from attredit.training.view import BatchView


class Deterministic(nn.Module):
    def forward(self, images: torch.Tensor, labels: torch.Tensor | None) -> Code:
        return Code(images.flatten(1), None, None)


@pytest.fixture
def view() -> BatchView:
    schema, images = AttributeSchema.of_binary(["a"]), torch.rand(2, 1, 4, 4)
    labels = torch.tensor([[0], [1]])
    parts = {"encoder": Deterministic()}
    return BatchView(Model(parts, schema, latent_dim=16), images, labels, rows=Slice(0, 2, 2), seed=0, step=0)


def test_a_part_that_the_recipe_lacks(view: BatchView) -> None:
    with pytest.raises(UsageError, match=r"'encodr'.* encoder\?"):
        view.part("encodr")


def test_a_divergence_without_a_variance(view: BatchView) -> None:
    with pytest.raises(UsageError, match="log-variance"):
        kl_(view)
