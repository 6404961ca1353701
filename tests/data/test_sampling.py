"""The order of the data is a pure function of seed and step, and groups of images are equally frequent in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.data import Geometry, Order, Store, groups_of, missing_of, prevalence_of
from attredit.errors import DataError, UsageError

SIZES = {"n": st.integers(1, 40), "batch": st.integers(1, 50), "seed": st.integers(0, 2**40)}
LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=40).map(np.array)
GROUPED = {"labels": LABELS, "batch": st.integers(1, 30), "seed": st.integers(0, 2**40)}


def order(n: int, batch: int, seed: int) -> Order:
    return Order([np.arange(n)], batch, seed)


@given(**SIZES)
def test_every_epoch_sees_every_image_once(n: int, batch: int, seed: int) -> None:
    steps, whole = -(-3 * n // batch), order(n, batch, seed)
    seen = np.concatenate([whole.indices(s) for s in range(steps)])[: 3 * n]
    for epoch in seen.reshape(3, n):
        assert sorted(epoch) == list(range(n))


@given(step=st.integers(0, 10**6), **GROUPED)
def test_nothing_is_remembered_between_steps(labels: np.ndarray, batch: int, seed: int, step: int) -> None:
    groups = groups_of(labels)
    used = Order(groups, batch, seed)
    once = used.indices(step).copy()
    assert once.shape == (batch,)
    assert once.dtype == np.int64
    for other in (1, 20, 300):  # as much as forgets what was remembered
        used.indices(step + other)
    np.testing.assert_array_equal(used.indices(step), once)
    np.testing.assert_array_equal(Order(groups, batch, seed).indices(step), once)  # as a resumed run asks


@given(**GROUPED)
def test_batches_of_another_size_follow_the_same_order(labels: np.ndarray, batch: int, seed: int) -> None:
    groups = groups_of(labels)
    halves = [Order(groups, batch, seed).indices(step) for step in (4, 5)]
    np.testing.assert_array_equal(np.concatenate(halves), Order(groups, 2 * batch, seed).indices(2))


@given(processes=st.integers(1, 4), step=st.integers(0, 1000), **GROUPED)
def test_combinations_are_equally_frequent_in_every_process_share(
    labels: np.ndarray, batch: int, seed: int, processes: int, step: int
) -> None:
    groups = groups_of(labels)
    whole = Order(groups, batch * processes, seed).indices(step)
    for share in [whole, *np.split(whole, processes)]:
        counts = [int(np.isin(share, rows).sum()) for rows in groups]
        assert sum(counts) == len(share)
        assert max(counts) - min(counts) <= 1


@given(**GROUPED)
def test_a_pass_over_a_group_uses_each_of_its_images_once(labels: np.ndarray, batch: int, seed: int) -> None:
    groups = groups_of(labels)
    steps, balanced = -(-3 * len(labels) * len(groups) // batch), Order(groups, batch, seed)
    seen = np.concatenate([balanced.indices(s) for s in range(steps)])
    for rows in groups:
        own = seen[np.isin(seen, rows)]
        passes = own[: len(own) // len(rows) * len(rows)].reshape(-1, len(rows))
        assert len(passes) >= 3
        assert (np.sort(passes, axis=1) == rows).all()


@given(LABELS)
def test_groups_are_the_combinations_that_occur(labels: np.ndarray) -> None:
    groups = groups_of(labels)
    assert sorted(np.concatenate(groups)) == list(range(len(labels)))
    assert {tuple(labels[rows[0]]) for rows in groups} == set(map(tuple, labels))
    assert all((labels[rows] == labels[rows[0]]).all() for rows in groups)
    assert len(groups) == len(set(map(tuple, labels)))


def test_seeds_passes_and_groups_differ() -> None:
    assert order(100, 100, 0).indices(0).tolist() != order(100, 100, 1).indices(0).tolist()
    assert order(100, 100, 0).indices(0).tolist() != order(100, 100, 0).indices(1).tolist()
    two = Order([np.arange(100), np.arange(100) + 100], 200, 0).indices(0)
    assert two[::2].tolist() != (two[1::2] - 100).tolist()


def test_what_is_returned_can_be_changed_without_harm() -> None:
    same = order(10, 10, 0)
    before = same.indices(0).copy()
    same.indices(0)[:] = -1
    np.testing.assert_array_equal(same.indices(0), before)


@pytest.fixture
def store() -> Store:
    """Ten images: Hat is 1 in one, Hair is a, a, b, ..., b, c."""
    schema = AttributeSchema((Attribute("Hat"), Attribute("Hair", ("a", "b", "c"))))
    labels = np.array([[1, 0], [0, 0], *[[0, 1]] * 7, [0, 2]], np.int16)
    images = np.zeros((10, 4, 4, 3), np.uint8)
    return Store(Path("store"), "drawn", schema, Geometry(size=4), "", images, labels)


def test_prevalence_worked_out_by_hand(store: Store) -> None:
    plain = {"Hat": {"0": (0.9, 0.9), "1": (0.1, 0.1)}}
    assert prevalence_of(store, ["Hat"]) == plain
    # Without a hat: one of nine has a, seven have b, one has c. With it: the only one has a.
    balanced = prevalence_of(store, ["Hat", "Hair"], ["Hat"])
    assert balanced["Hat"] == {"0": (0.9, 0.5), "1": (0.1, 0.5)}
    for value, share, seen in (("a", 0.2, 5 / 9), ("b", 0.7, 7 / 18), ("c", 0.1, 1 / 18)):
        assert balanced["Hair"][value] == pytest.approx((share, seen))
    # Of both, four of six combinations occur.
    both = prevalence_of(store, ["Hat", "Hair"], ["Hat", "Hair"])
    assert both["Hat"] == {"0": (0.9, 0.75), "1": (0.1, 0.25)}
    assert both["Hair"]["a"] == (0.2, 0.5)
    with pytest.raises(UsageError, match="Unknown attribute 'Ha'"):
        prevalence_of(store, ["Hat"], ["Ha"])


def test_missing_labels_are_counted_and_never_drawn_to_be_balanced(store: Store) -> None:
    store.labels[[1, 2], 0] = MISSING
    store.labels[9, 1] = MISSING
    assert missing_of(store, ["Hat", "Hair"]) == {"Hat": 2, "Hair": 1}
    plain = prevalence_of(store, ["Hat", "Hair"])
    # Of eight images that have a label one has a hat; of nine, two have a, and seven have b.
    assert plain["Hat"]["1"] == pytest.approx((1 / 8, 1 / 8))
    assert plain["Hat"]["0"] == pytest.approx((7 / 8, 7 / 8))
    assert plain["Hair"]["a"] == pytest.approx((2 / 9, 2 / 9))
    groups = groups_of(store.label_columns(["Hat"]))
    assert [rows.tolist() for rows in groups] == [[3, 4, 5, 6, 7, 8, 9], [0]]
    drawn = np.concatenate([Order(groups, 8, seed=0).indices(step) for step in range(20)])
    assert set(drawn) == {0, *range(3, 10)}
    # With a hat: a. Without: six of seven have b, and nobody knows of one.
    balanced = prevalence_of(store, ["Hair"], ["Hat"])["Hair"]
    assert [seen for _, seen in balanced.values()] == pytest.approx([7 / 13, 6 / 13, 0])
    assert sorted(len(rows) for rows in groups_of(store.label_columns(["Hat", "Hair"]))) == [1, 6]
    store.labels[:, 1] = np.where(store.labels[:, 0] == MISSING, store.labels[:, 1], MISSING)
    with pytest.raises(DataError, match="balance"):
        groups_of(store.label_columns(["Hat", "Hair"]))


@given(LABELS, st.integers(0, 2**40))
def test_prevalence_is_what_batches_show(labels: np.ndarray, seed: int) -> None:
    schema = AttributeSchema((Attribute("Hat"), Attribute("Hair", ("a", "b", "c"))))
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    store = Store(Path("store"), "drawn", schema, Geometry(size=4), "", images, labels.astype(np.int16))
    groups = groups_of(store.label_columns(["Hat"]))
    # As many whole passes of every group.
    size = len(groups) * int(np.lcm.reduce([len(rows) for rows in groups]))
    seen = store.labels[Order(groups, size, seed).indices(3)]
    told = prevalence_of(store, schema.names, ["Hat"])
    for column, attribute in enumerate(schema):
        found = np.bincount(seen[:, column], minlength=len(attribute.values)) / size
        assert [share for _, share in told[attribute.name].values()] == pytest.approx(found.tolist())
