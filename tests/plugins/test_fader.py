"""Fader Networks against Lample et al.'s equations, written out; attributes at every layer; the growing weight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from one_step import B, batch, built_of, compare, play, recipe_of, view_of
from torch import Tensor

from attredit import Schedule
from attredit.errors import UsageError
from attredit.recipe import Recipe
from attredit_fader.discriminator import LatentDiscriminator
from attredit_fader.networks import FaderDecoder, FaderEncoder

NARROW = {f"parts.{p}.options.width": 4 for p in ("encoder", "decoder", "factorizer", "classifier")}
STEP, LAMBDA = 250_000, 0.5e-4  # half way up


def paper() -> Recipe:
    # Without dropout: the literal side would need the same masks.
    return recipe_of("fader", "paper", **NARROW, **{"parts.factorizer.options.dropout": 0})


def literal(parts: Any, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Equations 1 to 3, with images in [-1, 1] as in the paper."""
    x, labels = batch(step)
    y = labels.float()
    z = parts["encoder"](x, None).mean
    p = torch.sigmoid(parts["factorizer"](z))
    rec = ((2 * x - 1) - (2 * torch.sigmoid(parts["decoder"](z, y, None)) - 1)).square().mean()
    fit = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    flipped = -((1 - y) * p.log() + y * (1 - p).log()).mean()
    q = torch.sigmoid(parts["classifier"](x).attrs)
    classify = -(y * q.log() + (1 - y) * (1 - q).log()).mean()
    terms = {
        "autoencoder/rec": rec / 8, "autoencoder/adv": flipped, "auxiliary/fit": fit, "classifier/class": classify
    }  # fmt: skip
    auto = rec + LAMBDA * flipped
    return terms, {"encoder": auto, "decoder": auto, "factorizer": fit, "classifier": classify}


def test_every_term_and_update_is_the_papers() -> None:
    fresh = built_of(paper())
    compare(play(paper(), built_of(paper()), STEP), *literal(fresh.parts, STEP), fresh.parts)


def test_the_weight_grows_as_published() -> None:
    weight = paper().players["autoencoder"].terms["adv"].weight
    assert isinstance(weight, Schedule)
    found = [weight.at(step, 600_000) for step in (0, 125_000, STEP, 500_000, 600_000)]
    assert found == pytest.approx([0.0, 0.25e-4, LAMBDA, 1e-4, 1e-4])


def test_the_hyperparameters_are_the_papers() -> None:
    recipe = recipe_of("fader", "paper", latent_dim=512)
    for name in ("autoencoder", "auxiliary"):
        player = recipe.players[name]
        assert (player.optimizer.lr, tuple(player.optimizer.options["betas"]), player.clip) == (2e-4, (0.5, 0.999), 5.0)
        assert player.repeats == 1
    assert (recipe.batch_size, recipe.prior, recipe.predictor) == (32, None, "classifier")
    built = LatentDiscriminator(latent_dim=8, attr_dim=1, width=4)
    assert [m.p for m in built.modules() if isinstance(m, torch.nn.Dropout)] == [0.3] * 3


@pytest.mark.parametrize("size", [32, 64])
def test_the_latent_is_a_map_and_is_not_sampled(size: int) -> None:
    encoder = FaderEncoder(channels=3, image_size=size, latent_dim=8, width=2)
    code = encoder(torch.rand(2, 3, size, size))
    assert code.mean.shape == (2, 8, 4, 4)
    assert code.logvar is None
    recipe = recipe_of("fader", "default", **NARROW)
    view = view_of(recipe, built_of(recipe).parts, 0)
    assert torch.equal(view.z(), view.code().mean)


def test_every_decoder_layer_reads_every_attribute_as_a_pair() -> None:
    torch.manual_seed(0)
    decoder = FaderDecoder(channels=3, image_size=32, latent_dim=8, attr_dim=2, width=2).eval()
    attrs, seen = torch.tensor([[1.0, 0.0], [0.25, 1.0]]), []
    for layer in decoder.layers:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert decoder(torch.randn(2, 8, 4, 4), attrs).shape == (2, 3, 32, 32)
    assert [s.shape[-1] for s in seen] == [4, 8, 16]
    for told in seen:
        planes = told[:, -4:]
        assert torch.equal(planes, planes[..., :1, :1].expand_as(planes))
        assert planes[..., 0, 0].tolist() == [[1.0, 0.0, 0.0, 1.0], [0.25, 1.0, 0.75, 0.0]]


def test_the_encoder_wants_the_opposite_and_no_term_may_ask_for_samples() -> None:
    recipe = recipe_of("fader", "default", **NARROW, **{"parts.factorizer.options.dropout": 0})
    built = built_of(recipe)
    view = view_of(recipe, built.parts, 0)
    factorizer = built.parts["factorizer"]
    logits = factorizer.logits(view)
    assert logits.shape == (B, 2)
    # softplus(-l) and softplus(l) swap places; their difference is the logit itself.
    signs = 2 * view.targets - 1
    torch.testing.assert_close(factorizer.penalty(view) - factorizer.fit(view), (signs * logits).mean())
    with pytest.raises(UsageError, match="no prior"):
        view.images("prior")
