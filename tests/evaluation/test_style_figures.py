"""Figures of styles, worked out by hand: a style is the level of the edited quadrant."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.data.source import TransferSource
from attredit.editing.model import STYLES
from attredit.errors import PluginError
from attredit.evaluation.leakage import STYLE_LEAKAGE
from attredit.evaluation.measure import measure
from attredit.evaluation.styles import KEPT, LIKE, TRUE

PLACE = q.PLACES[0]
STYLED = [0.55, 0.6, 0.65, 0.7, 0.75, 0.8]


class Styled(q.Quadrants):
    """The first quadrant's level is the style's, plus an error, where the attribute is present."""

    def __init__(self, levels=STYLED, error=0.0):
        super().__init__()
        self.slices = {"Smiling": slice(q.SIZE**2, q.SIZE**2 + 1)}
        self.known.styles = torch.tensor((levels * STYLES)[:STYLES]).view(1, -1, 1)
        self.known.count = torch.tensor([len(levels)])
        self.error = error

    def encode(self, images):
        code = super().encode(images)
        z = torch.cat([code.z, images[:, 0, *PLACE].mean((1, 2))[:, None]], 1)
        return code._replace(mean=z, z=z)

    def draw(self, z, attrs, code=None):
        images = z[:, :-1].reshape(-1, 1, q.SIZE, q.SIZE).clone()
        worn = torch.where(attrs[:, 0] > 0.5, z[:, -1] + self.error, q.LEVELS[0] / 255)
        images[:, 0, *PLACE] = worn[:, None, None]
        return images


class Transferring(q.DrawingSource):
    def __init__(self, labels, images):
        super().__init__(labels)
        self.images = images

    def transferred(self, split, indices, donors, name):
        drawn = self.images[indices].copy()
        drawn[:, *PLACE] = self.images[donors][:, *PLACE]
        return drawn


def world(n=80):
    """Of half the images the quadrant is bright, each as bright as its number says."""
    random = np.random.default_rng(0)
    labels = np.zeros((n, 4), np.int16)
    labels[::2, 0] = 1
    images = random.integers(90, 100, (n, q.SIZE, q.SIZE, 1)).astype(np.uint8)
    images[:, *PLACE] = 64
    images[::2, *PLACE] = np.linspace(140, 210, n // 2).astype(np.uint8)[:, None, None, None]
    return labels, images


def measured(editor, source=None):
    labels, images = world()
    source = source or Transferring(labels, images)
    data = q.data_of(labels, source=source)
    object.__setattr__(data, "store", q.store_of(labels, images=images))
    found = measure(editor, data, lambda stage, done, total: None)
    return found.table.metrics(), found.reasons, images


def test_six_styles_beside_real_images():
    got, _, images = measured(Styled())
    bright = images[::2, *PLACE].mean((1, 2, 3)) / 255
    ours = np.mean([abs(a - b) for a, b in combinations(STYLED, 2)])
    real = np.mean([abs(a - b) for a, b in combinations(bright, 2)])
    # The margin of the region shows the other quadrants as well, in which real images differ a little.
    assert got["style_spread"].value == pytest.approx(ours / real, rel=0.2)
    assert got["style_spread"].n == got["style_edit_success"].n == 40
    assert got["style_edit_success"].value == 1


def test_one_style_under_six_numbers_has_no_spread():
    got, _, _ = measured(Styled([0.7] * 6))
    assert got["style_spread"].value == pytest.approx(0, abs=1e-4)


def test_beside_what_true_styles_differ_by():
    class Drawing(Transferring):
        def counterfactual(self, split, indices, changes, styles=1):
            drawn = np.repeat(self.images[np.asarray(indices)][:, None], styles, 1)
            if changes == {"Smiling": 1}:
                for style in range(styles):
                    drawn[:, style, *PLACE] = round(255 * STYLED[style % 6])
            return drawn

    source = Drawing(*world())
    got, _, _ = measured(Styled(), source)
    assert got["style_spread_true"].value == pytest.approx(got["style_spread"].value, rel=0.02)
    assert got["style_spread_true"].n == 40
    # Whatever the model's own are.
    fewer, _, _ = measured(Styled([0.7] * 6), source)
    assert fewer["style_spread_true"].value == pytest.approx(got["style_spread_true"].value, rel=0.02)
    assert fewer["style_spread"].value < 0.01


class Telling(q.Quadrants):
    """Of two attributes the first one's style is what its quadrant says, and the other's nobody can tell."""

    def __init__(self):
        super().__init__(edits=("Smiling", "Male"))
        self.slices = {name: slice(q.SIZE**2 + i, q.SIZE**2 + i + 1) for i, name in enumerate(self.schema.names)}
        self.known.styles = torch.zeros(2, STYLES, 1)
        self.known.count = torch.tensor([STYLES, STYLES])

    def encode(self, images):
        code = super().encode(images)
        told = 3.0 * code.z[:, :1] + 1.0
        other = (images.double().flatten(1).square().sum(1) * 1e6).frac().float()[:, None]
        z = torch.cat([code.z, told, other], 1)
        return code._replace(mean=z, z=z)

    def draw(self, z, attrs, code=None):
        return super().draw(z[:, : q.SIZE**2], attrs, code)


def test_which_style_the_content_tells_is_found_for_each_attribute():
    labels, images = world(200)
    labels[:100, 1] = 1
    data = q.data_of(labels, source=q.Source())
    for split in ("store", "train"):
        object.__setattr__(data, split, q.store_of(labels, images=images))
    found = measure(Telling(), data, lambda stage, done, total: None).table.attributes(("Smiling", "Male"))
    assert found["Smiling"]["style_leakage"].value == pytest.approx(1.0, abs=0.01)
    assert found["Male"]["style_leakage"].value < 0.9


def test_a_style_that_is_not_seen_is_no_success():
    got, _, _ = measured(Styled([0.7, 0.7, 0.3]))
    assert got["style_edit_success"].value == pytest.approx(2 / 3, abs=1e-6)


def test_the_style_of_another_image_against_its_truth():
    got, _, _ = measured(Styled())
    assert got["style_counterfactual_mse"].value == pytest.approx(0, abs=1e-6)
    assert got["style_copy_mse"].value > 0.01
    off, _, _ = measured(Styled(error=0.1))
    assert off["style_counterfactual_mse"].value == pytest.approx(0.25 * 0.01, rel=1e-3)
    assert off["style_copy_mse"].value == got["style_copy_mse"].value


def test_what_cannot_be_measured_says_why():
    labels, images = world()
    assert isinstance(Transferring(labels, images), TransferSource)
    got, reasons, _ = measured(Styled(), q.DrawingSource(labels))
    assert not set(got) & set(LIKE)
    assert all("draw one image's style on another" in reasons[name] for name in LIKE)
    got, reasons, _ = measured(Styled(), q.Source())
    assert not set(got) & {TRUE, *LIKE}
    assert "draw true edits" in reasons[TRUE]
    got, reasons, _ = measured(q.Quadrants())
    assert not set(got) & {*KEPT, TRUE, *LIKE, STYLE_LEAKAGE}
    assert all("keeps no styles" in reasons[name] for name in (*KEPT, TRUE, *LIKE, STYLE_LEAKAGE))


def test_what_too_few_images_say_is_told() -> None:
    labels, images = world()
    source = Transferring(labels, images)
    data = q.data_of(labels[:1], source=source)  # one image, which has the attribute: none lacks it
    reasons = measure(Styled(), data, lambda stage, done, total: None).reasons
    assert all(name in reasons or f"{name}/Smiling" in reasons for name in (*KEPT, *LIKE))


def test_a_source_that_transfers_something_else():
    labels, images = world()
    source = Transferring(labels, images)
    source.transferred = lambda split, indices, donors, name: images[indices].astype(np.float32)
    with pytest.raises(PluginError, match="transfers Smiling as float32"):
        measured(Styled(), source)
