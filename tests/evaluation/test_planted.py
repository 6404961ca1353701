"""Planted attacks: patterns that other networks take for an edit must not pass for one, while true edits must.

Patches lie in corners: one that covers the very place where an attribute would be can draw it.

They are found by gradient against the model's own label head, and against readers of the judges' kind that were trained
with another seed: everywhere by at most eight of 255 levels, and without bound within a tenth of the area.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from attredit.data import cache_dir
from attredit.editing.editor import load
from attredit.evaluation.judge import judge_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.launch import train
from attredit.plugin.registry import installed
from attredit.request import CollectionRequest

SIZE, NAME = 32, "Wearing_Hat"
FACES = {"train": 1000, "valid": 16, "test": 64}
SETTINGS = JudgeSettings(epochs=1, steps=120, batch_size=32)
EPS, AREA, STEPS = 8 / 255, 0.1, 25
SIDE = round(SIZE * AREA**0.5)
CPU = torch.device("cpu")

pytestmark = pytest.mark.long


@dataclasses.dataclass
class World:
    """Faces (N, C, H, W) that lack what is asked, or have it and should not; the truths; and who reads them."""

    images: torch.Tensor
    truths: torch.Tensor
    asked: torch.Tensor
    column: int
    judge: object
    readers: dict

    def passing(self, images):
        """Share of images that pass for edits as asked, of those that the judge can read before they are edited."""
        counted = self.judge.look(self.images).agreed[:, self.column] == 1 - self.asked
        assert counted.float().mean() > 0.9
        hits = self.judge.obeyed(images, self.judge.look(images), self.column, self.asked)
        return hits[counted].float().mean().item()


@pytest.fixture(scope="module")
def world(tiny_request, tmp_path_factory):
    collection = CollectionRequest(dataset="synthfaces", image_size=SIZE, data_options=FACES).collection(installed())
    source, stores = collection.source, [collection.store(split) for split in ("train", "test")]
    judge, stranger = (
        judge_of(stores[0], cache=cache_dir(), device=CPU, settings=dataclasses.replace(SETTINGS, seed=seed))
        for seed in (SETTINGS.seed, 1)
    )
    run = train(
        tiny_request(
            attributes=(NAME,), image_size=SIZE, steps=60, batch_size=16, data_options=FACES, log_every=30,
            save_every=60, run_dir=str(tmp_path_factory.mktemp("planted") / "run"),
        )
    )  # fmt: skip
    model, column = load(run).model, source.schema.index(NAME)
    labels = torch.from_numpy(np.asarray(stores[1].labels[:, column], np.int64))
    images = stores[1].batch(np.arange(FACES["test"])).float() / 255
    readers = {
        "label head": lambda x: model.encode(x).attrs[:, 0],
        "first": lambda x: stranger.network.first(x)[:, column],
        "second": lambda x: stranger.network.second(x)[:, column],
    }
    readers["both"] = lambda x: readers["first"](x) + readers["second"](x)
    return World(images, truths_of(source, labels), 1 - labels, column, judge, readers)


def truths_of(source, labels):
    """(N, C, H, W): every test face with the other value."""
    drawn = np.empty((len(labels), SIZE, SIZE, 3), np.uint8)
    for value in (0, 1):
        rows = (labels == 1 - value).nonzero()[:, 0].numpy()
        drawn[rows] = source.counterfactual("test", rows, {NAME: value})[:, 0]
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255


def climbed(world, reader, start, low, high, step):
    """Images within bounds that a reader takes for what was asked: projected steps along the gradient's sign."""
    images, sign = start, 2.0 * world.asked - 1
    for _ in range(STEPS):
        images = images.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(F.softplus(-sign * reader(images)).sum(), images)
        images = torch.minimum(torch.maximum(images - step * slope.sign(), low), high)
    return images.detach()


@pytest.mark.parametrize("reader", ["label head", "first", "second", "both"])
def test_faint_patterns_do_not_pass(world, reader):
    low, high = (world.images - EPS).clamp(0, 1), (world.images + EPS).clamp(0, 1)
    planted = climbed(world, world.readers[reader], world.images, low, high, EPS / 5)
    assert ((world.readers[reader](planted) > 0) == (world.asked > 0)).float().mean() > 0.5  # whom it was made for
    assert world.passing(planted) <= 0.15


@pytest.mark.parametrize("reader", ["label head", "first", "second", "both"])
@pytest.mark.parametrize("corner", [(0, 0), (0, SIZE - SIDE), (SIZE - SIDE, SIZE - SIDE)])
def test_patches_do_not_pass(world, reader, corner):
    low, high = world.images.clone(), world.images.clone()
    place = (..., slice(corner[0], corner[0] + SIDE), slice(corner[1], corner[1] + SIDE))
    low[place], high[place] = 0.0, 1.0
    start = world.images.clone()
    start[place] = 0.5
    assert world.passing(climbed(world, world.readers[reader], start, low, high, 0.05)) <= 0.15


def test_true_edits_pass(world):
    assert world.passing(world.truths) >= 0.97


def test_unedited_faces_do_not_pass(world):
    assert world.passing(world.images) == 0
