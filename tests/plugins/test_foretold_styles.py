"""An adversary that foretells styles, too, against sums written out image by image."""

from __future__ import annotations

import math

import pytest
import torch
from one_step import SEED, SIZE, B, recipe_of
from torch import nn

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.editing.model import Model
from attredit.plugin.registry import installed
from attredit.rows import Slice
from attredit.training.players import build
from attredit.training.view import BatchView
from attredit_ifcvaegan.adversarial import Confusion

MIXED = AttributeSchema((Attribute("Smiling"), Attribute("Hair", ("black", "red", "blond"))))
W, PARTS = 3, {"parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "parts.factorizer.options.width": 6}
SMALL = {
    **PARTS, "parts.encoder.options.components": 8, "parts.decoder.options.components": 8, "style_dim": W,
}  # fmt: skip
LABELS = torch.tensor([[1, 0], [0, 1], [1, 2], [MISSING, 0], [1, MISSING], [0, 1]])


@pytest.fixture
def view():
    recipe = recipe_of("ifcvaegan", "photo", **SMALL)
    torch.manual_seed(0)
    parts = build(installed(), recipe, MIXED, channels=3, image_size=SIZE).parts
    images = torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return BatchView(Model.of(recipe, parts, MIXED), images, LABELS, rows=Slice(0, B, B), seed=SEED, step=0)


def written_out(view, of):
    """The mean over attributes of the mean over who has one of the mean square over its style's numbers."""
    factorizer = view.model.parts["factorizer"]
    z = view.z().detach()
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()
    said, styles = (
        factorizer.layers(z)[:, MIXED.width :].detach(),
        view.code().mean[:, view.model.latent_dim :].detach(),
    )
    total = 0.0
    for i, has in enumerate([[0, 2, 4], [0, 1, 2, 3, 5]]):  # who smiles; whose hair is labelled, since all have some
        own = 0.0
        for k in range(W * i, W * i + W):
            true = styles[has, k]
            true = (true - true.mean()) / (true.var(unbiased=False) + 1e-5).sqrt()
            own += sum(of(float(said[j, k]), float(true[number])) ** 2 for number, j in enumerate(has)) / len(has)
        total += own / W / len(MIXED)
    return total


def labels_alone(view):
    """The same strategy without styles, with the same weights."""
    whole = view.model.parts["factorizer"]
    bare = Confusion(latent_dim=view.model.latent_dim, attr_dim=MIXED.width, schema=MIXED, width=6, normalize=True)
    weights = whole.state_dict()
    last = f"layers.{len(whole.layers) - 1}"
    bare.load_state_dict({k: v[: MIXED.width] if k.startswith(last) else v for k, v in weights.items()})
    parts = {**view.model.parts, "factorizer": bare}
    model = Model.of(recipe_of("ifcvaegan", "photo", **SMALL), nn.ModuleDict(parts), MIXED)
    other = BatchView(model, view.real, view.labels, rows=view.rows, seed=SEED, step=0)
    return bare, other


def test_its_network_learns_labels_and_the_styles_of_those_who_wear_them(view):
    bare, other = labels_alone(view)
    expected = bare.fit(other).item() + written_out(view, lambda said, true: said - true)
    assert math.isclose(view.model.parts["factorizer"].fit(view).item(), expected, rel_tol=1e-5)


def test_the_encoder_makes_it_say_nothing_but_means(view):
    bare, other = labels_alone(view)
    expected = bare.penalty(other).item() + 2.0 * written_out(view, lambda said, true: said)
    assert math.isclose(view.model.parts["factorizer"].penalty(view).item(), expected, rel_tol=1e-5)


def test_styles_are_not_taught_by_it(view):
    encoder, factorizer = view.model.parts["encoder"], view.model.parts["factorizer"]
    (factorizer.fit(view) + factorizer.penalty(view)).backward()
    # Rows of the means of styles: what is foretold is the content's business.
    assert encoder.style.weight.grad is None or not encoder.style.weight.grad[: W * len(MIXED)].any()
    assert encoder.mean.weight.grad.any()


def test_where_nobody_has_it_it_says_nothing(view):
    labels = torch.tensor([[0, MISSING]] * B)
    alone = BatchView(view.model, view.real, labels, rows=view.rows, seed=SEED, step=0)
    bare, other = labels_alone(alone)
    assert torch.isfinite(view.model.parts["factorizer"].penalty(alone))
    assert torch.equal(view.model.parts["factorizer"].penalty(alone), bare.penalty(other))


def test_of_a_latent_without_styles_there_is_nothing_to_foretell():
    without = Confusion(latent_dim=8, attr_dim=4, schema=MIXED, width=6, styles=2.0)
    assert without.layers[-1].out_features == 4
