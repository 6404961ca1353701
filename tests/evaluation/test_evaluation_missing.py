"""Every metric of an attribute is of the images that have a label of it, and says what it says of them otherwise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.attributes import MISSING
from attredit.evaluation import judge_training
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.measure import measure
from attredit.evaluation.off_target import matrix

N = 600


def silent(stage, done, total): ...


def data_of(labels, known, train_known=None, source=None):
    """Images of all labels, of which only some are told."""
    data = q.data_of(labels, source=source)
    train = data.train.labels if train_known is None else np.where(train_known, data.train.labels, MISSING)
    return dataclasses.replace(
        data,
        store=dataclasses.replace(data.store, labels=np.where(known, labels, MISSING).astype(np.int16)),
        train=dataclasses.replace(data.train, labels=train.astype(np.int16)),
    )


def wobbly(images, attrs):
    """Obeys where the image's own second quadrant is light, and shows something of it everywhere."""
    wanted = q.levels_of(q.BINARY.attributes[0])[attrs[:, 0].long()][:, None, None]
    light = images[:, 0, *q.PLACES[1]].mean((1, 2)) > 0.5
    images[light, 0, *q.PLACES[0]] = wanted[light].expand(-1, q.HALF, q.HALF)
    return images


@pytest.fixture(scope="module")
def labels():
    return q.labels_of(N)


@pytest.fixture(scope="module")
def known():
    """Of the first attribute two thirds, among them none of a whole chunk; of the second a half."""
    found = np.random.default_rng(5).random((N, 4)) < np.array([2 / 3, 0.5, 1, 1])
    found[256:512, 0] = False
    return found


@pytest.fixture(scope="module")
def both(labels, known):
    """What is measured with all labels, and with those that are known."""
    edits = ("Smiling", "Male")
    return [
        measure(
            q.Quadrants(edits, decoding=wobbly, logvar=-4.0, prior="normal"),
            data_of(labels, mask, source=q.DrawingSource(labels)),
            silent,
        )
        for mask in (np.ones_like(known), known)
    ]


def test_an_image_without_a_label_says_nothing_and_others_say_what_they_said(both, known):
    whole, part = (found.table.figures for found in both)
    assert set(part) == set(whole)
    compared = set()
    for name, figure in part.items():
        for column, attribute in enumerate(("Smiling", "Male")):
            if attribute not in figure.values:
                continue
            said = np.isfinite(figure.values[attribute])
            if "fid" not in name and "kid" not in name:  # distances of sets, whose values are of no image alone
                assert not said[~known[:, column]].any(), name
            if name.startswith(
                ("edit_success", "composite_edit_success", "class", "off_target", "composite_off", "judge_acc")
            ):
                before = whole[name].values[attribute]
                expected = np.where(known[:, column, None], before, np.nan)
                np.testing.assert_array_equal(figure.values[attribute], expected, name)
                assert np.isfinite(before[~known[:, column]]).any(), name
                compared.add(name)
    assert {"edit_success", "edit_success_on", "class0", "off_target", "composite_edit_success"} <= compared
    own = both[1].table.attributes(("Smiling", "Male"))
    assert own["Smiling"]["edit_success"].n == known[:, 0].sum()
    assert own["Male"]["judge_accuracy"].n == known[:, 1].sum()
    for found in both:
        assert found.accuracy == dict.fromkeys(q.NAMES, 1.0)


def test_what_is_of_no_attribute_is_of_all_images(both):
    for name in ("mse", "ssim", "psnr"):
        np.testing.assert_array_equal(*(found.table.figures[name].values[None] for found in both))


def test_realism_compares_edits_with_images_known_to_have_the_value(both, labels, known):
    for found, mask in zip(both, (np.ones_like(known), known), strict=True):
        figure = found.table.figures["fid_judge"]
        for value in (0, 1):
            # Images of the value, and edits to it, which are of the other one.
            said = np.isfinite(figure.values["Smiling"][:, value])
            np.testing.assert_array_equal(said, mask[:, 0])
    assert np.isfinite(both[1].table.figures["sample_fid_judge"].values[None]).all()


def test_samples_are_of_predicted_labels_where_there_are_none(labels, known):
    editor, told = q.Quadrants(logvar=-4.0, prior="normal"), []
    draw = editor.draw

    def noted(z, attrs, code=None):
        if code is None:
            told.append(attrs)
        return draw(z, attrs, code)

    editor.draw = noted
    measure(editor, data_of(labels, known), silent)
    # This editor predicts perfectly.
    assert torch.equal(torch.cat(told)[:, 0], torch.from_numpy(labels[:, 0]).float())


def test_counterfactuals_are_drawn_of_images_that_have_a_label(both, labels, known):
    for suffix, label in (("", 1), ("_on", 0)):
        said = np.isfinite(both[1].table.figures[f"counterfactual_mse{suffix}"].values["Smiling"][:, 0])
        assert said.any()
        assert (known[said, 0] & (labels[said, 0] == label)).all()


def test_leakage_trains_and_reads_where_there_are_labels(labels, known):
    train_known = np.arange(200)[:, None] % 2 == np.zeros(4)
    editor = q.Quadrants(logvar=-4.0)
    found = measure(editor, data_of(labels, known, train_known), silent).table
    said = np.isfinite(found.figures["leakage_bits_linear_mean"].values["Smiling"][:, 0])
    np.testing.assert_array_equal(said, known[:, 0])
    assert found.figures["leakage_mean"].of("Smiling").n == known[:, 0].sum()
    assert found.figures["leakage_mean"].of("Smiling").value > 0.95
    few = np.arange(200)[:, None] < np.array([12, 200, 200, 200])
    reasons = measure(editor, data_of(labels, known, few), silent).reasons
    assert "fewer than 10 examples among 12 training images" in reasons["leakage_mean"]


def test_an_attribute_that_no_evaluated_image_has_a_label_of(labels):
    none = np.array([False, True, True, True]) & np.ones((N, 1), bool)
    alone = measure(q.Quadrants(), data_of(labels, none), silent)
    assert "have too few values of Smiling" in alone.reasons["edit_success"]
    assert "No evaluated image has a label of Smiling" in alone.reasons["leakage_mean"]
    assert "edit_success" not in alone.table.metrics()
    assert "Smiling" not in alone.accuracy
    beside = measure(q.Quadrants(("Smiling", "Male")), data_of(labels, none), silent)
    assert "have too few values of Smiling" in beside.reasons["edit_success/Smiling"]
    assert beside.table.metrics()["edit_success"].n == N


def test_what_the_data_correlate_is_of_images_with_both_labels(labels, known):
    data = data_of(labels, np.ones_like(known))
    editor = q.Quadrants()
    cells = measure(editor, data, silent).cells
    full = data.train.labels.astype(float)
    full[::3, 0], full[1::3, 1] = np.nan, np.nan
    train = dataclasses.replace(data.train, labels=np.where(np.isnan(full), MISSING, full).astype(np.int16))
    (found,) = matrix(editor.schema, data.schema, train, cells).values()
    shares = [np.nanmean(full[full[:, 0] == value, 1]) for value in (0, 1)]
    assert found["Male"].correlated == pytest.approx(shares[1] - shares[0])
    train.labels[:, 1] = MISSING
    (found,) = matrix(editor.schema, data.schema, train, cells).values()
    assert found["Male"].correlated is None
    assert found["Hat"].correlated is not None


def test_a_judge_learns_from_the_labels_that_there_are():
    labels = q.labels_of(300)
    known = np.random.default_rng(1).random(labels.shape) < 0.4
    store = q.store_of(np.where(known, labels, MISSING).astype(np.int16), images=q.draw(labels))
    settings = JudgeSettings(width=8, steps=120, batch_size=32)
    network = judge_training.fit_judges(q.BINARY, store, settings, torch.device("cpu"), silent_steps)
    images = torch.from_numpy(q.draw(labels)).permute(0, 3, 1, 2).float() / 255
    for logits in network(images):
        read = q.BINARY.decode(logits.sigmoid())
        assert (read.numpy() == labels)[~known].mean() > 0.95


def silent_steps(done, total): ...
