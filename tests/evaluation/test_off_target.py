"""The off-target matrix of editors that move what they should not, by a known amount."""

from __future__ import annotations

import json

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.evaluation.measure import measure
from attredit.evaluation.off_target import matrix
from attredit.evaluation.result import Movement
from attredit.evaluation.statistics import Estimate

SURE = 1 / (1 + np.exp(-10))  # what the reader's logits of 10 mean
WHOLE = SURE - (1 - SURE)


def silent(stage, done, total): ...


def cells(editor, labels, schema=q.BINARY, source=None, train=None):
    data = q.data_of(labels, schema, source)
    if train is not None:
        data = q.EvaluationData(*(train if name == "train" else getattr(data, name) for name in FIELDS))
    found = measure(editor, data, silent)
    return matrix(editor.schema, schema, data.train, found.cells)


FIELDS = ("split", "indices", "store", "train", "schema", "source", "judge")


def follower(sign=1):
    """Sets the first quadrant, and wherever that changes it, sets the second to the same label, or to the other one."""

    def decoding(images, attrs):
        levels = torch.tensor(q.LEVELS).float() / 255
        wanted = levels[attrs[:, 0].long()][:, None, None]
        moved = (images[:, 0, *q.PLACES[0]] - wanted).abs().mean((1, 2)) > 0.1
        images[:, 0, *q.PLACES[0]] = wanted.expand(-1, q.HALF, q.HALF)
        second = levels[(attrs[:, 0] if sign == 1 else 1 - attrs[:, 0]).long()][:, None, None]
        images[moved, 0, *q.PLACES[1]] = second[moved].expand(-1, q.HALF, q.HALF)
        return images

    return q.Quadrants(decoding=decoding)


def correlated(n, with_it, without_it):
    """Labels of which the second is there in these shares of images with and without the first."""
    labels = np.zeros((n, 4), np.int16)
    labels[: n // 2, 0] = 1
    labels[: round(with_it * n / 2), 1] = 1
    labels[n // 2 : n // 2 + round(without_it * n / 2), 1] = 1
    labels[::2, 2] = 1
    return labels


def test_a_perfect_editor_moves_nothing():
    found = cells(q.Quadrants(), q.labels_of(300))
    assert found.keys() == {"Smiling"}
    assert found["Smiling"].keys() == {"Male", "Bangs", "Hat"}
    for cell in found["Smiling"].values():
        assert (cell.moved.value, cell.unexplained.value, cell.moved.n) == (0, 0, 300)
        assert cell.true is None


@pytest.mark.parametrize("sign", [1, -1])
def test_movement_is_signed_and_of_both_directions(sign):
    labels = correlated(200, 0.3, 0.6)
    found = cells(follower(sign), labels, train=q.store_of(correlated(1000, 0.5, 0.5)))
    # Taken off, 30 % of Male change, or 70 % if to the other label; put on, 40 % or 60 %.
    moved = (0.3 + 0.4) / 2 if sign == 1 else -(0.7 + 0.6) / 2
    cell = found["Smiling"]["Male"]
    assert cell.moved.value == pytest.approx(moved * WHOLE, abs=1e-5)
    assert cell.moved.low < cell.moved.value < cell.moved.high
    assert cell.correlated == pytest.approx(0)
    assert cell.unexplained == cell.moved
    assert found["Smiling"]["Bangs"].moved.value == 0


def test_the_datas_correlation_explains_as_much_as_it_is():
    labels = correlated(200, 0.5, 0.5)
    strong, weak, against = (
        cells(follower(), labels, train=q.store_of(correlated(1000, *shares)))["Smiling"]["Male"]
        for shares in ((0.9, 0.1), (0.6, 0.4), (0.1, 0.9))
    )
    assert (strong.correlated, weak.correlated, against.correlated) == pytest.approx((0.8, 0.2, -0.8))
    # Half of Male changes with the edit.
    assert strong.unexplained.value == 0
    assert weak.unexplained.value == pytest.approx(0.5 * WHOLE - 0.2, abs=1e-5)
    assert weak.unexplained.low == pytest.approx(weak.moved.low - 0.2)
    assert against.unexplained == against.moved


def test_what_the_judge_makes_of_true_counterfactuals():
    labels = q.labels_of(200)
    found = cells(follower(), labels, source=q.DrawingSource(labels))
    cell = found["Smiling"]["Male"]
    assert (cell.true.value, cell.true.n) == (0, 200)
    assert cell.moved.value > 0.3


def test_a_judge_that_is_misled_by_the_edited_attribute_shows_it():
    labels = q.labels_of(200)
    data = q.data_of(labels, source=q.DrawingSource(labels))
    look = data.judge.look

    def misled(images):
        """Male's logit follows Smiling."""
        reading = look(images)
        reading.logits[:, 1] = reading.logits[:, 0]
        return reading

    data.judge.look = misled
    editor = q.Quadrants()
    cell = matrix(editor.schema, q.BINARY, data.train, measure(editor, data, silent).cells)["Smiling"]["Male"]
    assert cell.moved.value == pytest.approx(WHOLE, abs=1e-4)
    assert cell.true.value == pytest.approx(WHOLE, abs=1e-4)


def test_categorical_attributes_have_a_row_and_a_column_per_value():
    labels = q.labels_of(300, q.MIXED)
    found = cells(q.Quadrants(("Hair",), q.MIXED), labels, q.MIXED)
    assert found.keys() == {"Hair=black", "Hair=brown", "Hair=blond"}
    assert found["Hair=brown"].keys() == {"Smiling"}
    assert sum(row["Smiling"].moved.n for row in found.values()) == 300
    found = cells(q.Quadrants(("Smiling",), q.MIXED), labels, q.MIXED)
    assert found["Smiling"].keys() == {"Hair=black", "Hair=brown", "Hair=blond"}
    train = q.labels_of(200, q.MIXED, seed=1)
    blond = train[:, 1] == 2
    expected = blond[train[:, 0] == 1].mean() - blond[train[:, 0] == 0].mean()
    assert found["Smiling"]["Hair=blond"].correlated == pytest.approx(expected, abs=1e-6)


def test_the_correlation_of_a_categorical_attribute_is_with_the_value_before():
    labels = q.labels_of(300, q.MIXED)
    train = q.labels_of(200, q.MIXED, seed=1)
    shares = [(train[train[:, 1] == value, 0] == 1).mean() for value in range(3)]
    found = cells(q.Quadrants(("Hair",), q.MIXED), labels, q.MIXED)
    assert found["Hair=brown"]["Smiling"].correlated == pytest.approx(shares[1] - shares[0], abs=1e-6)
    assert found["Hair=black"]["Smiling"].correlated == pytest.approx(shares[0] - shares[2], abs=1e-6)


def test_values_that_are_missing():
    train = np.zeros((50, 4), np.int16)
    found = cells(q.Quadrants(), q.labels_of(100), train=q.store_of(train))
    assert found["Smiling"]["Male"].correlated is None
    assert found["Smiling"]["Male"].unexplained is None
    labels = q.labels_of(100)
    labels[:, 0] = 1
    assert cells(q.Quadrants(), labels)["Smiling"] == {}


def test_json():
    from pydantic import TypeAdapter

    cell = Movement(Estimate(0.1, 0.0, 0.2, 9), None, None, None)
    adapter = TypeAdapter(Movement)
    assert adapter.validate_python(json.loads(adapter.dump_json(cell))) == cell
