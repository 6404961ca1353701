"""Planted label errors are found; labels that are right, or missing, are left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from attredit import AttributeSchema, DataError
from attredit.attributes import MISSING, Attribute
from attredit.data import Store
from attredit.inspection.mislabelled import contradicted, doubts, sheet

PLANTED = 0.08


@pytest.fixture(scope="module")
def planted(store_of: Callable[..., Store]) -> tuple[Store, np.ndarray]:
    """Drawn faces of which some have the other label of Eyeglasses, and which these are."""
    from attredit_synthfaces.source import SynthFaces

    source = SynthFaces(image_size=32, train=800)
    rows = list(range(800))
    labels = source.labels("train", rows)[:, [source.schema.index("Eyeglasses")]]
    wrong = np.random.default_rng(0).random(len(rows)) < PLANTED
    images = np.stack(source.image("train", rows))
    return store_of(
        images, np.where(wrong[:, None], 1 - labels, labels), AttributeSchema.of_binary(["Eyeglasses"])
    ), wrong


def test_planted_errors_are_found(planted: tuple[Store, np.ndarray]) -> None:
    store, wrong = planted
    told: list[tuple[int, int]] = []
    found = doubts(store, store.schema, lambda done, total: told.append((done, total)), width=8, steps=80)
    assert told[-1][0] == told[-1][1] == 2 * 4 * 80
    half = next(n for n in range(1, len(found) + 1) if wrong[[d.row for d in found[:n]]].sum() >= wrong.sum() / 2)
    assert wrong[[d.row for d in found[:half]]].mean() >= 0.8
    margins = [doubt.margin for doubt in found]
    assert margins == sorted(margins, reverse=True)
    assert all(doubt.label != doubt.read for doubt in found)
    shown = sheet(store, found)
    assert shown.width > 8 * 100
    assert len(np.unique(np.asarray(shown))) > 100


def test_a_value_is_doubted_where_another_is_as_sure_as_usual() -> None:
    hair = Attribute("Hair", ("black", "red", "fair"))
    read = np.array(
        [[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.1, 0.9, 0.0], [0.4, 0.5, 0.1], [0.0, 1.0, 0.0]]
    )
    labels = np.array([0, 1, 2, 0, 0, MISSING])
    [doubt] = contradicted(hair, labels, read)
    # Of the fifth, red is likelier than black, but no image of red is read as unsurely as that.
    assert doubt == (3, hair, "black", "red", pytest.approx(0.8))
    binary = contradicted(Attribute("Glad"), np.array([0, 1, 1]), np.array([[0.1], [0.9], [0.05]]))
    assert [(d.row, d.label, d.read) for d in binary] == [(2, "1", "0")]


def test_too_few_images(store_of: Callable[..., Store]) -> None:
    store = store_of(np.zeros((7, 32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="7 images are too few"):
        doubts(store, store.schema)
