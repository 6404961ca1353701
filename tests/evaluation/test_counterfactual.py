"""Scores against true counterfactuals, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import quadrants as q

from attredit.data import BrokenImage
from attredit.data.stores import stored_splits
from attredit.errors import DataError, PluginError
from attredit.evaluation.counterfactual import NAMES
from attredit.evaluation.measure import measure

QUADRANT = 0.25  # of the pixels
COMPOSITE = ("composite_counterfactual_mse", "composite_counterfactual_floor")


def figures(editor, labels, source=None, limit=None, schema=q.BINARY):
    source = source or q.DrawingSource(labels, schema)
    found = measure(editor, q.data_of(labels, schema, source, limit), lambda stage, done, total: None)
    return found.table.metrics(), found


def test_a_perfect_editor():
    labels = q.labels_of(100)
    got, _ = figures(q.Quadrants(), labels)
    copied = QUADRANT * (127 / 255) ** 2
    for name in ("counterfactual_mse", "counterfactual_floor", *COMPOSITE):
        assert got[name].value == pytest.approx(0, abs=1e-9)
    assert got["copy_mse"].value == pytest.approx(copied, rel=1e-4)
    assert got["copy_mse"].n == labels[:, 0].sum()
    assert got["copy_mse_on"].n == 100 - labels[:, 0].sum()


def test_every_score_has_its_own_nearest_style():
    def decoding(images, attrs):
        """Puts on the third style, which is 10 levels darker than the first."""
        levels = np.array([64, 181], np.float32) / 255
        images[:, 0, *q.PLACES[0]] = images.new_tensor(levels)[attrs[:, 0].long()][:, None, None]
        return images

    got, _ = figures(q.Quadrants(decoding=decoding), q.labels_of(100))
    assert got["counterfactual_mse_on"].value == pytest.approx(0, abs=1e-9)
    assert got["composite_counterfactual_mse_on"].value == pytest.approx(0, abs=1e-9)
    # The unedited 64 is nearest to the darkest of 16 styles, 191 - 75 = 116.
    assert got["copy_mse_on"].value == pytest.approx(QUADRANT * (52 / 255) ** 2, rel=1e-4)
    # The truth of the first style, 191, is reconstructed as 181.
    for name in ("counterfactual_floor_on", "composite_counterfactual_floor_on"):
        assert got[name].value == pytest.approx(QUADRANT * (10 / 255) ** 2, rel=1e-4)


def test_a_decoder_that_is_off_everywhere():
    editor = q.Quadrants()
    editor.decoding = lambda images, attrs: editor.perfect(images, attrs) + 0.1
    got, _ = figures(editor, q.labels_of(100))
    assert got["counterfactual_mse"].value == pytest.approx(0.01, rel=1e-3)
    assert got["counterfactual_floor"].value == pytest.approx(0.01, rel=1e-3)
    # A composite takes the decoder's word only around the edited quadrant, and there the constant error is fitted out.
    assert all(got[name].value == pytest.approx(0, abs=1e-9) for name in COMPOSITE)


def test_the_composite_floor_is_free_of_what_the_latent_does_wrong():
    """Latents of images with the attribute draw its absence too bright; those of images without it as it should be."""
    editor = q.Quadrants()

    def decoding(images, attrs):
        told = editor.perfect(images.clone(), attrs)
        wrong = (images[:, 0, *q.PLACES[0]].mean((1, 2)) > 0.5) & (attrs[:, 0] < 0.5)
        told[wrong, 0, *q.PLACES[0]] += 20 / 255
        return told

    editor.decoding = decoding
    got, _ = figures(editor, q.labels_of(100))
    wrong = QUADRANT * (20 / 255) ** 2
    assert got["composite_counterfactual_mse"].value == pytest.approx(wrong, rel=0.05)
    assert got["composite_counterfactual_floor"].value == pytest.approx(0, abs=1e-9)


def test_an_editor_that_does_nothing_is_a_copy():
    got, _ = figures(q.Quadrants(decoding=lambda images, attrs: images), q.labels_of(100))
    for suffix in ("", "_on"):
        assert got[f"counterfactual_mse{suffix}"].value == pytest.approx(got[f"copy_mse{suffix}"].value)


def test_the_source_is_asked_for_rows_of_the_split_and_no_more_than_needed():
    labels = q.labels_of(1200)
    source = q.DrawingSource(labels)
    got, _ = figures(q.Quadrants(), labels, source)
    assert (got["counterfactual_mse"].n, got["counterfactual_mse_on"].n) == (500, 200)
    off, on = ([i for a in source.asked if a[2] == {"Smiling": to} for i in a[1]] for to in (0, 1))
    assert len(set(off)) == 500
    assert len(set(on)) == 200
    assert labels[off, 0].min() == 1
    assert labels[on, 0].max() == 0
    assert max(off) > 1100
    assert {a[3] for a in source.asked if a[2] == {"Smiling": 0}} == {1}


def test_rows_are_those_of_the_source_where_images_are_left_out():
    labels = q.labels_of(100)
    source, whole = q.DrawingSource(labels), q.data_of(labels)
    broken = tuple(BrokenImage(row, "", "") for row in (0, 41, 42, 99))
    kept = np.delete(np.arange(100), [0, 41, 42, 99])
    store = replace(q.store_of(labels[kept]), broken=broken)
    data = replace(whole, store=store, indices=np.arange(96), source=source)
    got = measure(q.Quadrants(), data, lambda stage, done, total: None).table.metrics()
    assert got["counterfactual_mse"].value == pytest.approx(0, abs=1e-9)
    off = sorted({i for a in source.asked if a[2] == {"Smiling": 0} for i in a[1]})
    assert off == [row for row in kept if labels[row, 0] == 1]


def test_rows_are_those_of_the_store_under_a_limit():
    labels = q.labels_of(200)
    source = q.DrawingSource(labels)
    got, _ = figures(q.Quadrants(), labels, source, limit=50)
    assert got["counterfactual_mse"].value == pytest.approx(0, abs=1e-9)
    assert {i for a in source.asked for i in a[1]} == set(range(0, 200, 4))


def test_progress_counts_images():
    labels, told = q.labels_of(100), []
    measure(q.Quadrants(), q.data_of(labels, source=q.DrawingSource(labels)), lambda *what: told.append(what))
    assert [t for t in told if t[0] == "counterfactuals"][-1] == ("counterfactuals", 100, 100)
    assert ("edits", 100, 100) in told


def test_without_a_source_that_draws():
    labels = q.labels_of(100)
    got, found = figures(q.Quadrants(), labels, q.Source())
    assert set(NAMES) <= set(found.reasons)
    assert not set(NAMES) & set(got)


def test_edits_of_a_categorical_attribute_go_to_the_next_value():
    labels = q.labels_of(100, q.MIXED)
    source = q.DrawingSource(labels, q.MIXED)
    got, found = figures(q.Quadrants(("Hair",), q.MIXED), labels, source, schema=q.MIXED)
    for name in ("counterfactual_mse", "counterfactual_floor", "composite_counterfactual_mse"):
        assert got[name].value == pytest.approx(0, abs=1e-9)
        assert got[name].n == 100
    # Each image against the nearest of 16 styles of the next value.
    errors = []
    for value in labels[:, 1]:
        styles = (q.HAIR[(value + 1) % 3] - 5 * np.arange(16)) % 256
        errors.append(QUADRANT * ((styles - q.HAIR[value]) ** 2).min() / 255**2)
    assert got["copy_mse"].value == pytest.approx(np.mean(errors), rel=1e-4)
    for _, indices, changes, _ in source.asked:
        assert set((labels[indices, 1] + 1) % 3) == {changes["Hair"]}
    assert got["counterfactual_perceptual_judge"].n == 100
    assert "categorical" in found.reasons["counterfactual_mse_on"]
    assert not any(name.endswith("_on") for name in got)


def test_of_a_categorical_attribute_as_many_images_are_scored_for_each_value():
    labels = q.labels_of(1200, q.MIXED)
    source = q.DrawingSource(labels, q.MIXED)
    got, _ = figures(q.Quadrants(("Hair", "Smiling"), q.MIXED), labels, source, schema=q.MIXED)
    asked = {value: len({i for a in source.asked if a[2] == {"Hair": value} for i in a[1]}) for value in range(3)}
    assert asked == {0: 166, 1: 166, 2: 166}
    assert got["counterfactual_mse_on"].n == 200  # of Smiling alone


def test_images_that_all_have_the_attribute():
    labels = q.labels_of(50)
    labels[:, 0] = 1
    got, found = figures(q.Quadrants(), labels)
    assert got["counterfactual_mse"].n == 50
    assert "counterfactual_mse_on" in found.reasons


def test_what_was_drawn_once_is_not_drawn_again():
    labels = q.labels_of(100)
    source = q.DrawingSource(labels)
    first, _ = figures(q.Quadrants(), labels, source)
    drawn = len(source.asked)
    again, _ = figures(q.Quadrants(), labels, source)
    assert again == first
    assert len(source.asked) == drawn
    figures(q.Quadrants(), labels, source, limit=50)  # other images
    assert len(source.asked) > drawn
    drawn = len(source.asked)
    figures(q.Quadrants(("Male",)), labels, source)  # another edit
    assert len(source.asked) > drawn
    drawn, source.known_as = len(source.asked), "as drawn since yesterday"
    figures(q.Quadrants(), labels, source)
    assert len(source.asked) > drawn
    kept = [store.split for store in stored_splits() if store.dataset == "drawn"]
    assert {"test_Smiling_0", "test_Smiling_1", "test_Male_0"} <= set(kept)


def test_a_source_that_fails_to_draw_one():
    labels = q.labels_of(20)
    source, (row, *_) = q.DrawingSource(labels), np.flatnonzero(labels[:, 0])[3:]
    right = source.counterfactual

    def wrong(split, indices, changes, styles):
        if row in indices:
            raise KeyError("ears")
        return right(split, indices, changes, styles)

    source.counterfactual = wrong
    with pytest.raises(DataError, match=r"split test_Smiling_0 of drawn.*KeyError: 'ears'"):
        figures(q.Quadrants(), labels, source)


def test_a_source_that_draws_another_size():
    labels = q.labels_of(20)
    source = q.DrawingSource(labels)
    right = source.counterfactual
    source.counterfactual = lambda *asked: right(*asked)[:, :, ::2]
    with pytest.raises(PluginError, match=r"must be uint8 of shape .* 16, 16, 1"):
        figures(q.Quadrants(), labels, source)
