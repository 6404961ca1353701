"""Which pictures are shown, and which run is on which side: a function of the labels and the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from attredit.errors import DataError


@dataclass(frozen=True)
class Pair:
    """One image, edited by two runs.

    Attributes:
        number: Which pair it is.
        image: The image's place in the split.
        attribute: What is edited.
        label: The value that is asked for.
        left: Number of the run whose edit is on the left.
        right: Of the other one.
        again: It was shown before, with sides exchanged.
    """

    number: int
    image: int
    attribute: str
    label: int
    left: int
    right: int
    again: bool = False


def drawn(
    labels: Mapping[str, np.ndarray], values: Mapping[str, int], runs: int, count: int, again: int, seed: int
) -> list[Pair]:
    """Pairs in the order in which they are shown.

    Attributes and pairs of runs take turns. In each turn all have one image, with another value than in the turn
    before; none comes back before all images with its value were shown.

    Args:
        labels: (N,) of each attribute; a negative one is missing.
        values: How many values each attribute has.
        runs: How many runs there are, two or more.
        count: How many pairs.
        again: How many of the first half come a second time in the second half, which shows who is sure.
        seed: Of everything that is random.

    Raises:
        DataError: no image has a label of some attribute.
    """
    random = np.random.default_rng(seed)
    cases = [(name, sides) for name in labels for sides in combinations(range(runs), 2)]
    supply = {name: _supply(name, labels[name], values[name], random) for name in labels}
    found = []
    for number in range(count):
        turn, case = divmod(number, len(cases))
        name, sides = cases[case]
        image, label = supply[name][turn % len(supply[name])]
        left, right = random.permutation(sides).tolist()
        found.append(Pair(number, image, name, label, left, right))
    shown = [found[i] for i in random.permutation(count)]
    first, second = shown[: count // 2], shown[count // 2 :]
    chosen = [first[i] for i in random.permutation(len(first))[:again]]
    second += [replace(pair, left=pair.right, right=pair.left, again=True) for pair in chosen]
    return first + [second[i] for i in random.permutation(len(second))]


def _supply(name: str, labels: np.ndarray, values: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Images and the values that they are edited to: of every value in turn, each in random order."""
    rows = [random.permutation(np.flatnonzero(labels == value)) for value in range(values)]
    if not any(map(len, rows)):
        raise DataError(f"No image has a label of {name}.", "Compare runs on another split.")
    return [
        (int(own[turn % len(own)]), (value + 1) % values)
        for turn in range(max(map(len, rows)))
        for value, own in enumerate(rows)
        if len(own)
    ]
