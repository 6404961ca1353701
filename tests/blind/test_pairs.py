"""Which pairs are drawn, and what is asked of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as some

from attredit.attributes import Attribute
from attredit.blind.pairs import drawn
from attredit.blind.wording import question, wanted
from attredit.errors import DataError

LABELS = {"Smiling": np.array([0, 1] * 20), "Hat": np.array([0] * 30 + [1] * 5 + [-1] * 5)}
VALUES = {"Smiling": 2, "Hat": 2}


@given(runs=some.integers(2, 5), count=some.integers(1, 90), again=some.integers(0, 90), seed=some.integers(0, 9))
def test_every_pair_is_of_two_runs_and_of_an_image_that_lacks_what_is_asked(
    runs: int, count: int, again: int, seed: int
) -> None:
    pairs = drawn(LABELS, VALUES, runs, count, again, seed)
    new = [pair for pair in pairs if not pair.again]
    assert sorted(pair.number for pair in new) == list(range(count))
    assert len(pairs) - count == min(again, count // 2)
    for pair in pairs:
        assert pair.left != pair.right
        assert {pair.left, pair.right} <= set(range(runs))
        assert LABELS[pair.attribute][pair.image] == 1 - pair.label
    cases = Counter((pair.attribute, *sorted((pair.left, pair.right))) for pair in new)
    assert max(cases.values()) - min(cases.values()) <= 1 or len(cases) < runs * (runs - 1)
    # Of each pair of runs, as many edits put it on as take it off.
    for case in cases:
        asked = Counter(p.label for p in new if (p.attribute, *sorted((p.left, p.right))) == case)
        assert abs(asked[0] - asked[1]) <= 1


def test_what_comes_again_comes_later_and_on_the_other_side() -> None:
    pairs = drawn(LABELS, VALUES, 2, 40, 8, 0)
    for place, pair in enumerate(pairs):
        if pair.again:
            before = next(i for i, p in enumerate(pairs) if p.number == pair.number)
            assert before < 20 <= place
            assert (pairs[before].left, pairs[before].right) == (pair.right, pair.left)
            assert (pairs[before].image, pairs[before].label) == (pair.image, pair.label)
    assert 10 < sum(pair.left == 0 for pair in pairs) < 38


def test_no_image_comes_back_before_all_were_shown() -> None:
    pairs = drawn({"Smiling": LABELS["Smiling"]}, VALUES, 2, 40, 0, 1)
    assert len({pair.image for pair in pairs}) == 40


def test_an_attribute_without_labels_cannot_be_asked() -> None:
    with pytest.raises(DataError, match="No image has a label of Hat"):
        drawn({"Hat": np.full(4, -1)}, VALUES, 2, 4, 0, 0)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("Smiling", ("0", "1"), ("not smiling", "smiling")),
        ("Wearing_Hat", ("0", "1"), ("not wearing hat", "wearing hat")),
        ("Eyeglasses", ("0", "1"), ("without eyeglasses", "with eyeglasses")),
        ("Eyeglasses", ("no", "yes"), ("without eyeglasses", "with eyeglasses")),
        ("Young", ("0", "1"), ("not young", "young")),
        ("Black", ("False", "True"), ("not black", "black")),
        ("No_Beard", ("0", "1"), ("with beard", "without beard")),
        ("Hair", ("black", "very_blond", "red"), ("with hair: black", "with hair: very blond", "with hair: red")),
        ("Colour", ("red", "blue"), ("with colour: red", "with colour: blue")),
        ("微笑", ("0", "1"), ("without 微笑", "with 微笑")),
    ],
)
def test_the_question_says_what_is_wanted(name: str, values: tuple[str, ...], words: tuple[str, ...]) -> None:
    attribute = Attribute(name, values)
    assert tuple(wanted(attribute, label) for label in range(len(values))) == words
    assert question(attribute, 1, "shoe") == f"Which looks more like the same shoe, {words[1]}?"
