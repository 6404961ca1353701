"""Splits for sources that have none: disjoint, complete, stratified, by person, whatever the order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from attredit.data import split_of
from attredit.errors import DataError, UsageError

NAMES = st.text(min_size=1, max_size=8)
SPLITS = ("train", "valid", "test")
ROWS = st.lists(st.tuples(NAMES, st.integers(0, 1), st.integers(-1, 2)), min_size=1, max_size=60)
IMAGES = st.lists(
    st.tuples(NAMES, st.integers(0, 1), st.integers(-1, 2)), min_size=1, max_size=60, unique_by=lambda row: row[0]
)
SHARES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)).map(
    lambda parts: {name: part / sum(parts) for name, part in zip(SPLITS, parts, strict=True)}
)
Row = tuple[str, int, int]


def split(rows: list[Row], shares: dict[str, float] | None = None) -> list[str]:
    labels = np.array([row[1:] for row in rows])
    found = split_of([row[0] for row in rows], labels, **({"shares": shares} if shares else {}))
    assert found.shape == (len(rows),)
    return list(found.tolist())


@given(ROWS)
def test_every_image_has_one_split_and_no_unit_has_two(rows: list[Row]) -> None:
    found = split(rows)
    assert set(found) <= set(SPLITS)
    assert len({(unit, where) for (unit, _, _), where in zip(rows, found, strict=True)}) == len({r[0] for r in rows})


@given(ROWS, st.randoms())
def test_the_order_of_the_images_does_not_matter(rows: list[Row], random: object) -> None:
    numbers = list(range(len(rows)))
    random.shuffle(numbers)  # type: ignore[attr-defined]
    found = split(rows)
    assert split([rows[i] for i in numbers]) == [found[i] for i in numbers]


@given(IMAGES, SHARES)
def test_each_combination_of_labels_is_divided_by_the_shares_up_to_one(
    rows: list[Row], shares: dict[str, float]
) -> None:
    found = split(rows, shares)
    kinds = Counter(row[1:] for row in rows)
    counts = Counter((row[1:], where) for row, where in zip(rows, found, strict=True))
    for kind, number in kinds.items():
        for name in SPLITS:
            assert abs(counts[kind, name] - shares[name] * number) < 1 + 1e-9
    # Hence the prevalence of a value, up to one for each combination that has it.
    for column in (1, 2):
        for value in {row[column] for row in rows}:
            whole = sum(n for kind, n in kinds.items() if kind[column - 1] == value)
            having = sum(kind[column - 1] == value for kind in kinds)
            for name in SPLITS:
                part = sum(n for (kind, where), n in counts.items() if kind[column - 1] == value and where == name)
                assert abs(part - shares[name] * whole) < having + 1e-9


@given(ROWS, SHARES)
def test_people_are_divided_by_their_images_up_to_one_person(rows: list[Row], shares: dict[str, float]) -> None:
    alike = [(unit, 0, 0) for unit, _, _ in rows]
    found = Counter(split(alike, shares))
    largest = max(Counter(row[0] for row in rows).values())
    for name in SPLITS:
        assert abs(found[name] - shares[name] * len(rows)) < largest + 1e-9


@given(IMAGES, st.integers(0, 60))
def test_images_that_are_added_move_few_others_and_none_of_other_labels(rows: list[Row], kept: int) -> None:
    before, after = rows[:kept], split(rows)
    if not before:
        return
    old = split(before)
    moved = Counter(row[1:] for row, was, now in zip(before, old, after, strict=False) if was != now)
    added = Counter(row[1:] for row in rows[kept:])
    for kind, number in moved.items():
        assert number <= 2 * added[kind]  # two cuts


def test_a_person_counts_as_what_most_of_their_images_show() -> None:
    # Ten people of three images each, two of which have label 0 for even ones and 1 for odd ones.
    people = [f"person {i}" for i in range(10) for _ in range(3)]
    labels = np.array([[i % 2, i % 2, 1 - i % 2] for i in range(10)]).reshape(-1, 1)
    halves = {"train": 0.6, "test": 0.4}
    found = split_of(people, labels, halves).reshape(10, 3)
    assert (found == found[:, :1]).all()
    assert Counter(found[::2, 0].tolist()) == Counter(found[1::2, 0].tolist()) == {"train": 3, "test": 2}


def test_what_is_alone_of_its_kind_goes_where_the_shares_say() -> None:
    n = 4000
    found = Counter(split_of([f"{i}.png" for i in range(n)], np.arange(n)[:, None]).tolist())
    # Five standard deviations of a binomial count.
    for name, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        assert abs(found[name] - share * n) < 5 * (n * share * (1 - share)) ** 0.5


def test_without_labels_sizes_are_exact() -> None:
    found = split_of([f"{i}.png" for i in range(1000)], np.zeros((1000, 0), np.int64))
    assert Counter(found.tolist()) == {"train": 800, "valid": 100, "test": 100}


def test_splits_are_the_same_on_every_machine() -> None:
    files = ["a.png", "b.png", "c.png", "d.png", "e.png", "Zoë.png", "不.png"]
    found = split_of(files, np.array([[0, 1, 0, 1, 0, 1, 0]]).T, {"train": 0.5, "test": 0.5})
    # Written down once: another hash, or another use of it, would divide everybody's data anew.
    assert " ".join(found.tolist()) == "train train test test test train train"


def test_what_cannot_be_split_is_refused() -> None:
    labels = np.zeros((1, 1), np.int64)
    with pytest.raises(DataError, match="no images"):
        split_of([], labels[:0])
    for shares in ({}, {"train": 1.0, "test": 0.0}, {"train": 0.5, "test": 0.4}):
        with pytest.raises(UsageError, match="cannot be the shares"):
            split_of(["a"], labels, shares)
