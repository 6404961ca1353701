"""csvae: the bound of Klys et al. written out in w's own coordinates; where edits take w; the adversary's entropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from one_step import SCHEMA, SEED, B, Z, batch, built_of, compare, play, recipe_of, view_of
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from attredit import Attribute, AttributeSchema, Code, UsageError, load
from attredit.launch import train
from attredit.recipe import Recipe
from attredit.rows import noise
from attredit_networks.subspaces import SubspaceDecoder

NARROW = {f"parts.{p}.options.width": 2 for p in ("encoder", "decoder", "classifier")}
W = 2
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 36, 3), np.uint8)


def paper() -> Recipe:
    more = {"parts.encoder.options.style_width": 2, "parts.factorizer.options.width": 8}
    return recipe_of("csvae", "paper", **NARROW, **more)


def prior(y: Tensor) -> Normal:
    """p(w given y): variance .1 about 0 without an attribute, variance 1 about 3 with it."""
    present = y.repeat_interleave(W, 1).bool()
    return Normal(torch.where(present, 3.0, 0.0), torch.where(present, 1.0, 0.1**0.5))


def literal(parts: Any, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Minus the bound of log p(x given y), and what encoder and adversary q(y given z) want of each other."""
    x, labels = batch(step)
    y = labels.float()
    said = parts["encoder"](x, y)
    eps = noise(SEED, step, "z/real/0", (B, Z + 2 * W))
    q_z = Normal(said.mean[:, :Z], torch.exp(said.logvar[:, :Z] / 2))
    z = q_z.mean + q_z.stddev * eps[:, :Z]
    p_w = prior(y)
    q_w = Normal(p_w.mean + p_w.stddev * said.mean[:, Z:], p_w.stddev * torch.exp(said.logvar[:, Z:] / 2))
    w = q_w.mean + q_w.stddev * eps[:, Z:]
    # Nothing but z and w is told to what draws.
    drawn = Normal(torch.sigmoid(parts["decoder"].networks(torch.cat([z, w], 1), torch.zeros(B, 0))), 1.0)
    rec = -(drawn.log_prob(x) - Normal(x, 1.0).log_prob(x)).sum((1, 2, 3)).mean()
    kl_z = kl_divergence(q_z, Normal(0.0, 1.0)).sum(1).mean()
    kl_w = kl_divergence(q_w, p_w).sum(1).mean()
    p = torch.sigmoid(parts["factorizer"](z))
    certain = (p * p.log() + (1 - p) * (1 - p).log()).sum(1).mean()
    fit = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    p = torch.sigmoid(parts["classifier"](x).attrs)
    classify = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    terms = {
        "autoencoder/rec": rec, "autoencoder/kl": kl_z, "autoencoder/style_kl": kl_w, "autoencoder/penalty": certain,
        "auxiliary/fit": fit, "classifier/class": classify,
    }  # fmt: skip
    whole = rec + kl_z + kl_w + certain
    return terms, {"encoder": whole, "decoder": rec, "factorizer": fit, "classifier": classify}


def test_every_term_and_update_is_the_papers() -> None:
    fresh = built_of(paper())
    compare(play(paper(), built_of(paper()), 0), *literal(fresh.parts, 0), fresh.parts)


def decoder_of(schema: AttributeSchema = SCHEMA) -> SubspaceDecoder:
    return SubspaceDecoder(channels=3, image_size=32, latent_dim=4, schema=schema, style_dim=W, width=2)


def test_samples_of_the_latent_are_samples_of_the_prior() -> None:
    y = torch.tensor([[0.0, 1.0]]).expand(4096, 2)
    eps = torch.randn(4096, 2 * W, generator=torch.Generator().manual_seed(0))
    w = decoder_of().placed(eps, y, y)
    torch.testing.assert_close(w.mean(0), prior(y).mean[0], rtol=0, atol=0.06)
    torch.testing.assert_close(w.std(0), prior(y).stddev[0], rtol=0.05, atol=0)


def test_edits_keep_z_and_take_w_to_the_other_prior() -> None:
    decoder, style = decoder_of(), torch.randn(3, 2 * W, generator=torch.Generator().manual_seed(0))
    without, having = torch.zeros(3, 2), torch.ones(3, 2)
    # Whatever style there was: what is taken off is the mean of p(w given 0).
    assert torch.equal(decoder.placed(style, without, having), torch.zeros(3, 2 * W))
    # A style of an image that has it is drawn as that image's own.
    worn = decoder.placed(style, having, without)
    assert torch.equal(worn, decoder.placed(style, having, having))
    torch.testing.assert_close(worn, 3.0 + style)
    half = decoder.placed(0 * style, torch.full_like(having, 0.5), having)
    torch.testing.assert_close(half, torch.full_like(half, 1.5))
    one = decoder.placed(style, torch.tensor([[1.0, 0.0]]).expand(3, 2), having)
    assert torch.equal(one[:, :W], worn[:, :W])


def test_further_than_training_no_deviation_is_negative() -> None:
    decoder, ones = decoder_of(), torch.ones(1, 2 * W)
    for far, mean, deviation in ((2.0, 6.0, 1.0), (-1.0, -3.0, 0.1**0.5)):
        y = torch.full((1, 2), far)
        torch.testing.assert_close(decoder.placed(ones, y, y), (mean + deviation) * ones)


def test_values_of_a_categorical_attribute_lie_equally_far_apart() -> None:
    hair = AttributeSchema((Attribute("Hair", ("black", "red", "blond")),))
    values = torch.eye(3)
    assert decoder_of(hair).placed(torch.zeros(3, W), values, values).tolist() == [[0.0, 0.0], [3.0, 3.0], [6.0, 6.0]]


def test_attributes_tell_where_the_styles_lie_and_nothing_else() -> None:
    decoder, z, y = decoder_of(), torch.randn(2, 4 + 2 * W), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    told = torch.cat([z[:, :4], decoder.placed(z[:, 4:], y, y)], 1)
    code = Code(z, None, None, labels=y)
    assert torch.equal(decoder(z, y, code), decoder.networks(told, y[:, :0]))
    assert torch.equal(decoder(z, y), decoder(z, y, code))


def test_q_of_w_reads_labels_and_q_of_z_does_not() -> None:
    recipe = recipe_of("csvae", "default", **NARROW)
    encoder, (images, labels) = built_of(recipe).parts["encoder"], batch(0)
    one, other = (encoder(images, y.float()) for y in (labels, 1 - labels))
    for mine, theirs in zip(one[:2], other[:2], strict=True):
        assert torch.equal(mine[:, :Z], theirs[:, :Z])
        assert (mine[:, Z:] != theirs[:, Z:]).all()
    with pytest.raises(UsageError, match="reads the class"):
        encoder(images, None)


def test_entropy_is_bounded_and_pushes_answers_to_the_middle() -> None:
    recipe = paper()
    built = built_of(recipe)
    view, factorizer = view_of(recipe, built.parts, 0), built.parts["factorizer"]
    logits = factorizer.logits(view)
    slope = torch.autograd.grad(factorizer.penalty(view), logits, retain_graph=True)[0]
    p = logits.sigmoid()
    # The derivative of p log p + (1 - p) log (1 - p): down it goes where the logit is nearer to 0.
    torch.testing.assert_close(slope, (logits * p * (1 - p) / logits.numel()).detach())
    assert -math.log(2) <= factorizer.penalty(view) <= 0


def test_pictures_take_the_style_of_another_picture(request_for: Any) -> None:
    editor = load(train(request_for(method="csvae", overrides={**NARROW, "latent_dim": 8}, steps=2)))
    other = 255 - PIXELS
    plain, styled = (
        np.asarray(editor.edit(PIXELS, Smiling=1, mode="decoded", **more), np.int64) for more in ({}, {"like": other})
    )
    assert plain.shape == styled.shape
    code = editor.model.supposed(editor.model.encode(torch.rand(1, 3, 32, 32)), {"Smiling": 1}, {"Smiling": 0})
    drawn = [editor.model.decode(code, {"Smiling": 1}, style=k) for k in (1, 2)]
    assert not torch.equal(*drawn)
