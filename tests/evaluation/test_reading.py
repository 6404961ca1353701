"""What the model reads itself, and the edits that its mistakes undo, of editors whose mistakes are known."""

from __future__ import annotations

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.evaluation.measure import measure

STEP = (q.LEVELS[1] - q.LEVELS[0]) / 255


def figures(editor, data):
    found = measure(editor, data, lambda *stage: None)
    return found.table.metrics(), found


def told(editor, code):
    """A code whose logits were changed, with the labels that they say."""
    return code._replace(labels=editor.schema.encode(editor.schema.decode(editor.schema.probabilities(code.attrs))))


def misreading(editor, wrong):
    """Takes the first attribute's other value for the images that `wrong` chooses, by the levels of the others."""
    perfect = editor.encode

    def encode(images):
        code, odd = perfect(images), wrong(q.read(images, editor.world))
        code.attrs[odd, 0] *= -1
        return told(editor, code)

    editor.encode = encode
    return editor


def test_a_model_that_reads_all_changes_what_it_is_asked_to():
    labels = q.labels_of(300)
    got, _ = figures(q.Quadrants(), q.data_of(labels))
    for name in ("label_accuracy", "label_recall0", "label_recall1"):
        assert (got[name].value, got[name].high) == (1, 1)
    assert got["label_recall1"].n == labels[:, 0].sum()
    for name in ("unchanged", "unchanged_off", "unchanged_on", "needless_change"):
        assert got[name].value == 0


def test_what_is_misread_is_left_as_it_is_when_asked_and_changed_when_not():
    labels = q.labels_of(300)
    smiling, male, bangs = labels[:, :3].T.astype(bool)
    wrong = np.where(smiling, male, male & bangs)
    editor = misreading(
        q.Quadrants(), lambda read: torch.where(read[:, 0] == 1, read[:, 1], read[:, 1] & read[:, 2]) > 0
    )
    editor.composite = lambda images, edit: images + edit.after - edit.before
    got, _ = figures(editor, q.data_of(labels))
    assert got["label_accuracy"].value == pytest.approx(1 - wrong.mean())
    assert got["label_recall0"].value == pytest.approx(1 - wrong[~smiling].mean())
    assert got["label_recall1"].value == pytest.approx(1 - wrong[smiling].mean())
    assert got["unchanged"].value == pytest.approx(wrong.mean())
    assert (got["unchanged_off"].value, got["unchanged_off"].n) == (pytest.approx(wrong[smiling].mean()), smiling.sum())
    assert (got["unchanged_on"].value, got["unchanged_on"].n) == (
        pytest.approx(wrong[~smiling].mean()),
        (~smiling).sum(),
    )
    # A quarter of the pixels, by the difference of the levels.
    assert got["needless_change"].value == pytest.approx(0.25 * STEP * wrong.mean(), rel=1e-3)


def test_a_change_that_rounds_to_none_is_none():
    editor = q.Quadrants()
    editor.composite = lambda images, edit: images + 0.4 / 255
    assert figures(editor, q.data_of(q.labels_of(60)))[0]["unchanged"].value == 1
    editor.composite = lambda images, edit: images + 0.6 / 255
    assert figures(editor, q.data_of(q.labels_of(60)))[0]["unchanged"].value == 0


def test_a_categorical_attribute():
    labels = q.labels_of(300, q.MIXED)
    editor = q.Quadrants(("Hair",), q.MIXED)
    perfect = editor.encode

    def encode(images):
        code = perfect(images)
        # Black hair is read as brown.
        code.attrs[q.read(images, q.MIXED)[:, 1] == 0] = torch.tensor([-10.0, 10.0, -10.0])
        return told(editor, code)

    editor.encode = encode
    got, _ = figures(editor, q.data_of(labels, q.MIXED))
    black = (labels[:, 1] == 0).mean()
    assert got["label_accuracy"].value == pytest.approx(1 - black)
    assert [got[f"label_recall_{v}"].value for v in ("black", "brown", "blond")] == [0, 1, 1]
    assert got["unchanged"].value == pytest.approx(black)  # black hair is asked to be brown
    assert got["needless_change"].value > 0
    assert "unchanged_on" not in got


def test_without_labels_there_is_nothing_to_say():
    labels = q.labels_of(40)
    labels[:, 1] = -1
    got, found = figures(q.Quadrants(("Smiling", "Male")), q.data_of(labels))
    assert got["label_accuracy"].n == got["unchanged"].n == 40
    assert {"label_accuracy/Male", "label_recall1/Male", "unchanged/Male", "needless_change/Male"} <= set(found.reasons)
