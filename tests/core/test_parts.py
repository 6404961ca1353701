"""What parts say of themselves: the encoder's skips, the shape of the prior, and first weights from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from torch import nn

from attredit import AttributeSchema, BatchView, Part, Player, Recipe, Registry, Term
from attredit.editing.model import Model
from attredit.networks import NetworkSizes, build_parts, latent_shape
from attredit.rows import Slice
from attredit.training.players import Built, build

MODULE = """
import torch
from attredit import Code, hookimpl

attredit_api = 1

@hookimpl
def register_encoders(register):
    register("skipping", "said_of_parts:Encoder")
    register("plain", "said_of_parts:Plain")

@hookimpl
def register_decoders(register):
    register("asking", "said_of_parts:Decoder")

class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

class Encoder(Plain):
    skip_channels = [5, 7]

    def initialize(self, images):
        self.weight.data += images.sum()

class Decoder(Plain):
    def __init__(self, *, latent_dim, skip_channels):
        super().__init__()
        self.told, self.latent_shape = skip_channels, (latent_dim, 2, 3)
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    (tmp_path / "said_of_parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    registry.add(EntryPoint("core", "attredit.plugin.builtin", "attredit"))
    registry.add(EntryPoint("said", "said_of_parts", "attredit"))
    yield registry
    sys.modules.pop("said_of_parts")


def recipe_of(encoder: str) -> Recipe:
    parts = {"decoder": Part(use="asking"), "encoder": Part(use=encoder)}  # the order must not matter
    return Recipe(parts=parts, players={"all": Player(trains=("encoder", "decoder"), terms={"rec": Term()})})


def made(registry: Registry, encoder: str) -> Built:
    return build(registry, recipe_of(encoder), AttributeSchema.of_binary(["Smiling"]), channels=3, image_size=32)


def test_a_decoder_is_told_of_the_skips_that_its_encoder_has(registry: Registry) -> None:
    assert made(registry, "skipping").parts["decoder"].told == (5, 7)
    assert made(registry, "plain").parts["decoder"].told == ()


def test_parts_that_are_read_from_a_run_are_told_the_same(registry: Registry) -> None:
    recipe = recipe_of("skipping")
    parts = build_parts(
        registry,
        recipe,
        recipe.edits_with,
        NetworkSizes(3, 32, recipe.latent_dim, AttributeSchema.of_binary(["Smiling"])),
    )
    assert parts["decoder"].told == (5, 7)


def test_weights_from_elsewhere_come_when_they_are_asked_for_and_not_before(registry: Registry) -> None:
    built = made(registry, "skipping")
    assert built.parts["encoder"].weight.item() == 0.0
    built.initialize(torch.full((3, 1, 1, 1), 1.0))
    assert built.parts["encoder"].weight.item() == 3.0
    assert built.parts["decoder"].weight.item() == 0.0


def test_samples_of_the_prior_have_the_shape_that_the_decoder_says(registry: Registry) -> None:
    decoder = made(registry, "plain").parts["decoder"]
    model = Model({"decoder": decoder}, AttributeSchema.of_binary(["Smiling"]), latent_dim=64)
    view = BatchView(model, torch.zeros(4, 3, 8, 8), torch.zeros(4, 1), rows=Slice(0, 4, 4), seed=0, step=0)
    assert view.z("prior").shape == (4, 64, 2, 3)
    assert latent_shape(nn.Identity(), 64) == (64,)
