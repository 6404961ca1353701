"""What a person would call worse is less real: planted edits of drawn faces, whose truth is known.

The judge is trained here, for seconds, so figures are coarse; the orders must hold all the same.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from attredit.data import cache_dir, prepare
from attredit.data.geometry import Geometry
from attredit.data.subset import as_images
from attredit.editing.composite import blurred
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.edit_realism import FEWEST, EditRealism, Window, sharpness, window
from attredit.evaluation.judge import judge_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.table import Table
from attredit_synthfaces.source import SynthFaces

SIZE = 32
NAME = "Eyeglasses"


class Planted:
    """Drawn faces, their true edits, and what can be planted in place of those."""

    def __init__(self):
        source = SynthFaces(image_size=SIZE, train=800, valid=8, test=300)
        stores = [prepare(source, split, Geometry(SIZE, 3, "none"), name="synthfaces") for split in ("train", "test")]
        cpu = torch.device("cpu")
        settings = JudgeSettings(width=8, epochs=1, steps=200, batch_size=32)
        judge = judge_of(stores[0], cache=cache_dir(), device=cpu, settings=settings)
        rows = np.arange(len(stores[1]))
        self.data = EvaluationData("test", rows, stores[1], stores[0], source.schema, source, judge)
        self.images = self.data.images(rows)
        self.has = self.data.labels[:, source.schema.index(NAME)]
        self.truth = torch.empty_like(self.images)
        for value in (0, 1):
            chosen = (self.has != value).nonzero()[:, 0]
            drawn = source.counterfactual("test", chosen.tolist(), {NAME: value})[:, 0]
            self.truth[chosen] = torch.from_numpy(drawn).permute(0, 3, 1, 2) / 255
        self.change = (self.truth - self.images).abs().amax(1, keepdim=True)

    def realism(self, edited):
        """Of edits that are planted as decoded ones, with the images themselves for composites."""
        schema, table = self.data.schema.select((NAME,)), Table(len(self.images))
        model = EditRealism(SimpleNamespace(schema=schema), self.data)
        for part in torch.arange(len(self.images)).split(100):
            seen = SimpleNamespace(rows=part.numpy(), images=self.images[part], reconstruction=self.images[part])
            edits = SimpleNamespace(before=self.images[part], decoded=edited[part], composite=self.images[part])
            model.see(seen, schema.attributes[0], edits)
        reasons = model.score(table)
        return table.metrics(), reasons

    def blurred(self, sigma):
        """The true edits, out of focus where they are."""
        mask = blurred(F.max_pool2d((self.change > 0.04).float(), 3, 1, 1), 1.0)
        return self.images + mask * (blurred(self.truth, sigma) - self.images)

    def pasted(self):
        """The same rectangle, out of one image of the value asked for, in all of them."""
        where, edited = window(self.change.mean((0, 1))), self.images.clone()
        rows, columns = (slice(start, start + where.side) for start in where[:2])
        for value in (0, 1):
            donor = self.images[(self.has == value).nonzero()[3, 0]]
            edited[self.has != value, :, rows, columns] = donor[:, rows, columns]
        return edited

    def smudged(self):
        """A dark blot where glasses are put on, a pale one where they are taken off."""
        blot = blurred(self.change.mean(0, keepdim=True) / self.change.mean(0).max(), 1.5)
        level = torch.where(self.has == 1, 0.75, 0.25).view(-1, 1, 1, 1)
        return self.images + 0.7 * blot * (level - self.images)

    def noisy(self):
        """Coloured noise over the place: what an optimised patch looks like."""
        where, edited = window(self.change.mean((0, 1))), self.images.clone()
        rows, columns = (slice(start, start + where.side) for start in where[:2])
        noise = torch.rand(edited[:, :, rows, columns].shape, generator=torch.Generator().manual_seed(0))
        edited[:, :, rows, columns] = noise.round()
        return edited


@pytest.fixture(scope="module")
def planted():
    return Planted()


def test_planted_edits_are_ordered_as_a_person_would_order_them(planted):
    variants = {
        "truth": planted.truth,
        "blurred": planted.blurred(0.5),
        "more blurred": planted.blurred(2.0),
        "pasted": planted.pasted(),
        "smudged": planted.smudged(),
        "noisy": planted.noisy(),
    }
    worse = ("more blurred", "pasted", "smudged", "noisy")
    found = {name: planted.realism(edited)[0] for name, edited in variants.items()}
    value = {name: figures["edit_realism"].value for name, figures in found.items()}
    assert value["truth"] > value["blurred"] > max(value[name] for name in worse)
    assert value["truth"] > 0.85
    assert found["truth"]["edit_realism"].low > max(value[name] for name in worse)


def test_blur_lacks_detail_and_noise_has_too_much(planted):
    def of(edited):
        return planted.realism(edited)[0]["edit_sharpness"]

    truth = of(planted.truth)
    assert truth.low < 1 < truth.high + 0.1
    assert truth.value == pytest.approx(1, abs=0.1)
    assert of(planted.blurred(2.0)).high < of(planted.blurred(0.5)).value < truth.value
    assert of(planted.noisy()).low > 1.3


def test_sharpness_is_a_quotient_of_means_and_images_say_how_they_move_it():
    real, edited = torch.tensor([1.0, 3.0, 4.0, 8.0]).repeat(5), torch.tensor([2.0, 2.0, 3.0, 9.0]).repeat(5)
    lacking = torch.tensor([True, True, False, False]).repeat(5)
    sets = [(lacking, ~lacking)]
    values = sharpness(real.double(), edited.double(), sets)
    assert values.mean() == pytest.approx(2 / 6)
    # Moving an image by a little moves the quotient by as much less as there are images.
    more = edited.double().clone()
    more[0] += 1e-3
    moved = sharpness(real.double(), more, sets)
    assert moved.mean() - values.mean() == pytest.approx(1e-3 / 10 / 6)
    # Of two directions it is the mean.
    both = sharpness(real.double(), edited.double(), [(lacking, ~lacking), (~lacking, lacking)])
    assert both.mean() == pytest.approx((2 / 6 + 6 / 2) / 2)


def test_unedited_images_are_at_zero_and_other_real_ones_at_one(planted):
    got, _ = planted.realism(planted.truth)
    for suffix in ("", "_off", "_on"):
        none = got[f"composite_edit_realism{suffix}"]
        assert none.value == pytest.approx(0, abs=1e-9)
        assert none.high - none.low < 1e-6  # the edits are the images: whichever are drawn, nothing is gained
        assert got[f"edit_realism{suffix}"].low < got[f"edit_realism{suffix}"].value < got[f"edit_realism{suffix}"].high
    # Other real images that have the value asked for: those of the training split.
    train = planted.data.train
    labels = torch.from_numpy(np.asarray(train.labels))[:, train.schema.index(NAME)]
    real = planted.images.clone()
    for value in (0, 1):
        asked = (planted.has != value).nonzero()[:, 0]
        real[asked] = as_images(train, (labels == value).nonzero()[: len(asked), 0].numpy())
    got, _ = planted.realism(real)
    assert got["edit_realism"].value == pytest.approx(1, abs=0.15)


def test_an_edit_elsewhere_has_no_scale(planted):
    spot = planted.images.clone()
    spot[:, :, :4, :4] = 1 - spot[:, :, :4, :4]
    got, reasons = planted.realism(spot)
    assert "edit_realism" not in got
    assert "no difference" in reasons["edit_realism"]
    assert NAME in reasons["edit_realism"]


def test_few_images_say_nothing(planted):
    few = np.concatenate([np.flatnonzero(planted.has.numpy() == v)[: FEWEST - 1] for v in (0, 1)])
    few.sort()
    part = Planted.__new__(Planted)
    part.data = dataclasses.replace(planted.data, indices=few)
    part.images, part.has = planted.images[few], planted.has[few]
    got, reasons = part.realism(planted.truth[few])
    assert not got
    assert reasons["edit_realism_on"] == f"It needs {FEWEST} images of a value of {NAME}; there are {FEWEST - 1}."


def test_the_window_holds_what_changes_with_a_margin():
    change = torch.zeros(32, 32)
    assert window(change) == Window(0, 0, 32)
    change[10:14, 6:18] = 1
    change[30, 30] = 0.1  # too little to be part of it
    assert window(change) == Window(3, 3, 18)
    change[:] = 0
    change[0, 31] = 1
    assert window(change) == Window(0, 24, 8)
    change[:] = 1
    assert window(change) == Window(0, 0, 32)
