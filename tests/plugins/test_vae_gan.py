"""VAE/GAN against Larsen et al.'s algorithm, written out; attribute vectors against means worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from one_step import SCHEMA, SEED, B, Z, batch, built_of, compare, play, recipe_of, view_of
from torch import Tensor

from attredit import AttributeSchema, Code, load
from attredit.attributes import Attribute
from attredit.errors import UsageError
from attredit.launch import train
from attredit.rows import noise
from attredit_vae_gan.networks import AttributeVectorDecoder
from attredit_vae_gan.vectors import AttributeVectors

NARROW = {f"parts.{p}.options.width": 2 for p in ("encoder", "decoder", "discriminator", "classifier")}


def literal(parts: Any, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Algorithm 1; nothing is told any label but the classifier and the attribute vectors."""
    encoder, decoder, critic, classifier = (parts[p] for p in ("encoder", "decoder", "discriminator", "classifier"))
    x, labels = batch(step)
    y = labels.float()
    code = encoder(x, None)
    z = code.mean + torch.exp(code.logvar / 2) * noise(SEED, step, "z/real/0", (B, Z))
    unconditional = decoder.layers
    x_tilde = torch.sigmoid(unconditional(decoder.start(z)))
    x_p = torch.sigmoid(unconditional(decoder.start(noise(SEED, step, "z/prior/0", (B, Z)))))
    d_x, d_tilde, d_p = (critic(i) for i in (x, x_tilde, x_p))
    prior = (0.5 * (code.mean**2 + code.logvar.exp() - 1 - code.logvar)).sum(1).mean()
    like = 0.5 * ((d_x.features[3] - d_tilde.features[3]) ** 2).sum((1, 2, 3)).mean()
    real, tilde, fake = (torch.sigmoid(d.realness) for d in (d_x, d_tilde, d_p))
    gan = -(real.log() + (1 - tilde).log() + (1 - fake).log()).mean()
    p = torch.sigmoid(classifier(x).attrs)
    classify = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    vectors = [code.mean[labels[:, a] == 1].mean(0) - code.mean[labels[:, a] == 0].mean(0) for a in range(2)]
    terms = {
        "encoder/kl": prior, "encoder/like": like, "encoder/vectors": sum(v.norm() for v in vectors) / 2,
        "decoder/like": like, "decoder/gan": gan, "discriminator/gan": gan, "classifier/class": classify,
    }  # fmt: skip
    losses = {"encoder": prior + like, "decoder": 1e-6 * like - gan, "discriminator": gan, "classifier": classify}
    return terms, losses


def test_every_term_and_update_is_the_papers() -> None:
    recipe = recipe_of("vae-gan", "paper", **NARROW)
    fresh = built_of(recipe)
    mine = built_of(recipe)
    compare(play(recipe, mine, 0), *literal(fresh.parts, 0), fresh.parts)


def test_vectors_are_differences_of_class_means_and_outlast_a_batch_without_the_class() -> None:
    recipe = recipe_of("vae-gan", "default", **NARROW)
    built, term = built_of(recipe), AttributeVectors(decay=0.5)
    seen = []
    for step in (0, 1):
        view = view_of(recipe, built.parts, step)
        term(view)
        seen.append((view.code().mean.detach(), batch(step)[1]))
    for attribute in range(2):

        def mean(value: int, a: int = attribute) -> Tensor:
            weights = torch.cat([w * (y[:, a] == value) for w, (_, y) in zip((0.5, 1.0), seen, strict=True)])
            return weights @ torch.cat([z for z, _ in seen]) / weights.sum()

        torch.testing.assert_close(built.parts["decoder"].vectors[attribute], mean(1) - mean(0), rtol=1e-4, atol=1e-6)
    rates = (0.5 * seen[0][1].float().mean(0) + seen[1][1].float().mean(0)) / 1.5
    torch.testing.assert_close(built.parts["decoder"].rates, rates)


def test_an_edit_adds_the_change_times_the_vectors_and_nothing_else() -> None:
    torch.manual_seed(0)
    decoder = AttributeVectorDecoder(channels=3, image_size=16, latent_dim=Z, attr_dim=2, width=2).eval()
    decoder.vectors, decoder.rates = torch.randn(2, Z), torch.tensor([0.25, 0.5])
    z, own = torch.randn(3, Z), torch.tensor([[1.0, 0.0]] * 3)
    plain = decoder.layers(decoder.start(z))
    assert torch.equal(decoder(z, own, Code(z, None, None, labels=own)), plain)
    wanted = torch.tensor([[0.0, 1.5]] * 3)
    moved = decoder.layers(decoder.start(z - decoder.vectors[0] + 1.5 * decoder.vectors[1]))
    torch.testing.assert_close(decoder(z, wanted, Code(z, None, None, labels=own)), moved)
    # A sample has no attributes of its own: it moves from the average.
    moved = decoder.layers(decoder.start(z - 0.25 * decoder.vectors[0] + decoder.vectors[1]))
    torch.testing.assert_close(decoder(z, wanted, None), moved)
    decoder.train()
    assert torch.equal(decoder(z, wanted, None), decoder(z, own, None))


def test_a_change_between_values_of_a_category_adds_the_difference_of_their_means() -> None:
    schema = AttributeSchema((Attribute("Hair", ("black", "blond", "red")), Attribute("Smiling")))
    labels = torch.tensor([[0, 1], [2, 0]])
    assert schema.indicators(labels).tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]
    means = torch.arange(10.0).view(5, 2) ** 2
    contrasts = schema.contrasts(means)
    change = schema.encode(labels[1:]) - schema.encode(labels[:1])
    torch.testing.assert_close((change @ contrasts)[0], (means[2] - means[0]) + (means[3] - means[4]))


def test_a_loaded_model_has_its_vectors_and_edits_with_them(request_for: Any) -> None:
    editor = load(train(request_for(method="vae-gan", overrides=NARROW, attributes=SCHEMA.names, steps=3)))
    model = editor.model
    vectors = model.parts["decoder"].vectors
    assert vectors.shape == (2, 8)
    assert vectors.abs().min() > 0
    code = model.encode(torch.rand(2, 3, 32, 32))
    by_hand = model.draw(code.mean + (2.0 - code.labels[:, 1:]) * vectors[1], code.labels, code)
    torch.testing.assert_close(model.decode(code, Male=2.0), by_hand)


def test_another_decoder_has_no_vectors(request_for: Any) -> None:
    with pytest.raises(UsageError, match="The decoder has no attribute vectors"):
        train(request_for(method="vae-gan", overrides={**NARROW, "parts.decoder.use": "conv"}))
