"""cvae and ifcvae: what they are made of, against equations written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from one_step import SEED, B, Z, batch, built_of, compare, play, recipe_of
from torch import Tensor

from attredit.plugin.registry import installed
from attredit.recipe import resolve
from attredit.rows import noise

NARROW = {f"parts.{p}.options.width": 2 for p in ("encoder", "decoder")}


def literal(parts: Any, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Minus the bound of log p(x given y) for a Gaussian decoder of unit variance, but for its constant."""
    x, labels = batch(step)
    y = labels.float()
    code = parts["encoder"](x, y)
    posterior = torch.distributions.Normal(code.mean, torch.exp(code.logvar / 2))
    z = code.mean + posterior.stddev * noise(SEED, step, "z/real/0", (B, Z))
    drawn = torch.distributions.Normal(torch.sigmoid(parts["decoder"](z, y, None)), 1.0)
    rec = -(drawn.log_prob(x) - torch.distributions.Normal(x, 1.0).log_prob(x)).sum((1, 2, 3)).mean()
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    p = torch.sigmoid(parts["classifier"](x).attrs)
    classify = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    terms = {"autoencoder/rec": rec, "autoencoder/kl": kl, "classifier/class": classify}
    return terms, {"encoder": rec + kl, "decoder": rec + kl, "classifier": classify}


def test_the_paper_preset_is_the_bound() -> None:
    recipe = recipe_of("cvae", "paper", **NARROW, **{"parts.classifier.options.width": 2})
    fresh = built_of(recipe)
    compare(play(recipe, built_of(recipe), 0), *literal(fresh.parts, 0), fresh.parts)


def test_no_label_loss_reaches_the_autoencoder() -> None:
    for preset in ("default", "paper"):
        recipe = resolve(installed(), "cvae", preset)
        assert set(recipe.players["autoencoder"].terms) == {"rec", "kl"}
        assert recipe.players["classifier"].trains == ("classifier",)
        assert "discriminator" not in recipe.parts


@pytest.mark.parametrize("preset", ["default", "paper", "reference"])
def test_ifcvae_is_ifcvaegan_without_discriminator_and_edits(preset: str) -> None:
    core = resolve(installed(), "ifcvae", preset)
    # Its default is on the networks of most other methods.
    whole = resolve(installed(), "ifcvaegan", "conv" if preset == "default" else preset)
    extra = {"discriminator", "gan", "class_edit", "residual"}
    assert core.parts == {n: p for n, p in whole.parts.items() if n not in extra}
    assert set(core.players) == {"autoencoder", "auxiliary"}
    terms = whole.players["autoencoder"].terms
    assert core.players["autoencoder"].terms == {n: t for n, t in terms.items() if n not in extra}
    assert len(terms) > len(core.players["autoencoder"].terms)
    assert (core.latent_dim, core.decode_with, core.edit_from) == (whole.latent_dim, whole.decode_with, whole.edit_from)
