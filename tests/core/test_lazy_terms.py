"""Terms that are computed every so many steps, and what an edit may change."""

from __future__ import annotations

import pytest
import torch

from attredit.attributes import AttributeSchema
from attredit.editing.model import Model
from attredit.errors import UsageError
from attredit.plugin.registry import installed
from attredit.recipe import resolve
from attredit.rows import Slice
from attredit.training.losses import residual_
from attredit.training.players import build
from attredit.training.view import BatchView

SCHEMA = AttributeSchema.of_binary(["Smiling"])
TINY = {
    "parts.encoder.options.width": 2,
    "parts.decoder.options.width": 2,
    "players.autoencoder.terms.class_edit.every": 4,
    "players.autoencoder.terms.class_edit.weight": 0.5,
    "players.autoencoder.terms.residual.weight": 0,
}


def test_a_lazy_term_weighs_as_many_times_as_it_is_skipped() -> None:
    built = build(installed(), resolve(installed(), "ifcvaegan", "conv", TINY), SCHEMA, channels=3, image_size=16)
    player = next(p for p in built.players if p.name == "autoencoder")
    weights = [
        {n: w for _, terms in player.groups(step, 100) for n, w in terms.items()}.get("class_edit") for step in range(8)
    ]
    assert weights == [None, None, None, 2.0] * 2
    assert all("rec" in player.groups(step, 100)[0][1] for step in range(8))


def test_no_term_is_computed_less_than_never() -> None:
    with pytest.raises(UsageError, match="every"):
        resolve(installed(), "ifcvaegan", "default", {"players.autoencoder.terms.class_edit.every": 0})


def test_residual_is_the_mean_absolute_change_summed_over_channels() -> None:
    torch.manual_seed(0)
    built = build(installed(), resolve(installed(), "ifcvaegan", "conv", TINY), SCHEMA, channels=3, image_size=16)
    view = BatchView(
        Model(built.parts, SCHEMA, latent_dim=128),
        torch.rand(4, 3, 16, 16),
        torch.tensor([[0], [1], [0], [1]]),
        rows=Slice(0, 4, 4),
        seed=0,
        step=0,
    )
    z = view.z()
    decoder = built.parts["decoder"]
    edited, kept = (decoder(z, attrs).sigmoid() for attrs in (1.0 - view.targets, view.targets))
    torch.testing.assert_close(residual_(view), (edited - kept).abs().sum(dim=1).mean())
