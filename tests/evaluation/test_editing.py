"""Editing metrics of editors whose faults are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.errors import RunError
from attredit.evaluation.measure import measure


def silent(stage, done, total): ...


def figures(editor, data):
    found = measure(editor, data, silent)
    return found.table.metrics(), found


def test_a_perfect_editor():
    labels = q.labels_of(300)
    got, found = figures(q.Quadrants(), q.data_of(labels))
    having = int(labels[:, 0].sum())
    for name, n in {
        "class0": having,
        "class1": having,
        "edit_success": 300,
        "edit_success_off": having,
        "edit_success_on": 300 - having,
        "composite_edit_success": 300,
        "composite_edit_success_off": having,
        "composite_edit_success_on": 300 - having,
        "judge_accuracy": 300,
    }.items():
        assert (got[name].value, got[name].n, got[name].high) == (1, n, 1), name
        assert n / (n + 3.85) < got[name].low < 1
    for name in ("off_target", "composite_off_target"):
        assert (got[name].value, got[name].low, got[name].high, got[name].n) == (0, 0, 0, 900)
    assert (got["mse"].value, got["psnr"].value, got["mse"].n) == (0, 100, 300)
    assert got["ssim"].value == pytest.approx(1)
    assert found.accuracy == dict.fromkeys(q.NAMES, 1.0)


def test_every_image_is_encoded_and_decoded_no_more_than_needed():
    editor, labels = q.Quadrants(), q.labels_of(300)
    figures(editor, q.data_of(labels))
    having = int(labels[:, 0].sum())
    # The evaluated images, those that the probe is trained on, and both edits of 200 images to undo them.
    assert editor.encoded == 300 + 200 + 2 * 200
    # The reconstruction; before and after each edit: to 0 of images that have it, to 1 of all, to what each has; six of
    # seven steps of a sweep of 200 images, and what undoes their decoded and composite edits.
    assert editor.decoded == 300 + 2 * (having + 300 + 300) + 6 * 200 + 2 * 2 * 200


def test_an_editor_that_ignores_what_is_asked():
    got, _ = figures(q.Quadrants(decoding=lambda images, attrs: images), q.data_of(q.labels_of(300)))
    assert got["class0"].value + got["class1"].value == 1
    assert got["class1"].value == 1
    assert got["edit_success"].value == got["composite_edit_success"].value == 0
    assert got["off_target"].value == 0


def test_an_unchanged_image_is_no_success_though_the_judge_misread_it():
    data, ignoring = q.data_of(q.labels_of(300)), q.Quadrants(decoding=lambda images, attrs: images)
    wrong = dataclasses.replace(data, store=q.store_of(1 - data.store.labels, images=data.store.images))
    got, _ = figures(ignoring, wrong)
    assert got["edit_success"].value == 1  # whole images, which are read as they come
    for suffix in ("", "_off", "_on"):
        assert got[f"composite_edit_success{suffix}"].value == 0
    assert got["composite_edit_success_first"].value == 1


def test_an_editor_that_changes_something_else():
    def decoding(images, attrs):
        """Sets the first quadrant, and wherever that changes it, inverts the second."""
        wanted = q.levels_of(q.BINARY.attributes[0])[attrs[:, 0].long()][:, None, None]
        moved = (images[:, 0, *q.PLACES[0]] - wanted).abs().mean((1, 2)) > 0.1
        images[:, 0, *q.PLACES[0]] = wanted.expand(-1, q.HALF, q.HALF)
        images[moved, 0, *q.PLACES[1]] = sum(q.LEVELS) / 255 - images[moved, 0, *q.PLACES[1]]
        return images

    got, _ = figures(q.Quadrants(decoding=decoding), q.data_of(q.labels_of(300)))
    assert got["edit_success"].value == 1
    for name in ("off_target", "composite_off_target"):
        assert got[name].value == pytest.approx(1 / 3)
        assert (got[name].low, got[name].high) == pytest.approx((1 / 3, 1 / 3))


def test_a_blind_encoder_still_faces_true_labels():
    """Edits ask for the opposite of what is there, not of what the encoder believes."""
    editor = q.Quadrants()
    perfect = editor.encode
    editor.encode = lambda images: perfect(images)._replace(labels=torch.zeros(len(images), 1))
    labels = q.labels_of(300)
    got, _ = figures(editor, q.data_of(labels))
    assert got["edit_success"].value == got["class0"].value == got["class1"].value == 1
    # The reconstruction takes the attribute off where it is there.
    assert got["mse"].value == pytest.approx(labels[:, 0].mean() * 0.25 * (127 / 255) ** 2, rel=1e-4)


def test_several_attributes_are_averaged():
    def decoding(images, attrs):
        """Sets the first quadrant only."""
        images[:, 0, *q.PLACES[0]] = q.levels_of(q.BINARY.attributes[0])[attrs[:, 0].long()][:, None, None]
        return images

    got, found = figures(q.Quadrants(("Smiling", "Male"), decoding=decoding), q.data_of(q.labels_of(300)))
    own = found.table.attributes(("Smiling", "Male"))
    assert (own["Smiling"]["edit_success"].value, own["Male"]["edit_success"].value) == (1, 0)
    assert (got["edit_success"].value, got["edit_success"].n) == (0.5, 600)
    assert got["edit_success"].low > 0.43
    assert "mse" not in own["Smiling"]


def test_a_categorical_attribute():
    data = q.data_of(q.labels_of(300, q.MIXED), q.MIXED)
    got, found = figures(q.Quadrants(("Hair",), q.MIXED), data)
    for name in ("class_black", "class_brown", "class_blond", "edit_success"):
        assert (got[name].value, got[name].n) == (1, 300)
    assert "edit_success_off" not in got
    assert (got["off_target"].value, got["off_target"].n) == (0, 300)
    assert got["leakage_mean"].value > 0.95
    assert "cannot draw" in found.reasons["counterfactual_mse"]


def test_what_cannot_be_measured_says_why():
    schema = q.BINARY.select(("Smiling",))
    labels = np.zeros((50, 1), np.int16)
    got, found = figures(q.Quadrants(world=schema), q.data_of(labels, schema))
    assert "no other attribute" in found.reasons["off_target"]
    assert "does not sample" in found.reasons["leakage_sample"]
    assert "too few values of Smiling" in found.reasons["class1"]
    assert "too few values of Smiling" in found.reasons["leakage_mean"]
    assert not set(got) & set(found.reasons)
    assert got["edit_success_on"].value == 1


def test_what_cannot_be_measured_of_one_attribute_of_two():
    labels = q.labels_of(60)
    labels[:, 1] = 0
    got, found = figures(q.Quadrants(("Smiling", "Male")), q.data_of(labels))
    assert "class1/Male" in found.reasons
    assert "class1" not in found.reasons
    assert got["class1"].n == labels[:, 0].sum()


def test_a_model_that_diverged():
    with pytest.raises(RunError, match="no numbers"):
        figures(q.Quadrants(decoding=lambda images, attrs: images * float("nan")), q.data_of(q.labels_of(10)))


def test_a_limit_takes_images_evenly():
    data = q.data_of(q.labels_of(100), limit=10)
    assert data.indices.tolist() == list(range(0, 100, 10))
    got, _ = figures(q.Quadrants(), data)
    assert got["edit_success"].n == 10
