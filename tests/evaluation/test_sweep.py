"""Monotonicity of decoders that turn an attribute up steadily, at once, not at all, and backwards."""

from __future__ import annotations

import pytest
import quadrants as q

from attredit.evaluation.measure import measure


def silent(stage, done, total): ...


def monotonicity(level, n=300, edits=("Smiling",), world=q.BINARY):
    """Of a decoder whose first quadrant is at `level` of the asked value, which is the judge's logit."""

    def decoding(images, attrs):
        images[:, 0, *q.PLACES[0]] = level(attrs[:, 0])[:, None, None]
        return images

    data = q.data_of(q.labels_of(n, world), world)
    look = data.judge.look

    def graded(images):
        reading = look(images)
        reading.logits[:, 0] = reading.features[:, 0]
        return reading

    data.judge.look = graded
    found = measure(q.Quadrants(edits, world, decoding=decoding), data, silent)
    return found.table.metrics().get("monotonicity"), found


@pytest.mark.parametrize(
    ("level", "share"),
    [
        (lambda y: 0.2 + 0.6 * y, 1),
        (lambda y: 0.8 - 0.6 * y, 0),
        (lambda y: 0.5 + 0 * y, 0),
        (lambda y: 0.2 + 0.6 * (y > 0.6), 1 / 6),
        (lambda y: 0.2 + y * (1 - y), 1 / 2),  # up to the middle, then down
    ],
)
def test_share_of_steps_that_go_up(level, share):
    found, _ = monotonicity(level)
    assert found.value == pytest.approx(share)
    assert found.n == 200


def test_few_images():
    assert monotonicity(lambda y: y, n=30)[0].n == 30


def test_nothing_lies_between_categories():
    found, measured = monotonicity(lambda y: y, edits=("Hair",), world=q.MIXED)
    assert found is None
    assert "between" in measured.reasons["monotonicity"]
