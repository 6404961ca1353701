"""sprites: the same images every time, values that are balanced, independent and confined, honest options."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from attredit.errors import UsageError
from attredit.testing import check_plugin
from attredit_sprites.drawing import SHAPES, Sprite, draw
from attredit_sprites.source import SCHEMA, Sprites


def shown(source: Sprites, split: str, count: int) -> np.ndarray:
    return np.stack(source.open(split)[:count]["image"])


def test_an_image_depends_on_its_address_alone() -> None:
    few, many = Sprites(image_size=32, test=3), Sprites(image_size=32, test=50)
    np.testing.assert_array_equal(shown(few, "test", 3), shown(many, "test", 3))
    code = (
        "import hashlib, numpy as np; from attredit_sprites.source import Sprites;"
        "images = np.stack(Sprites(image_size=32, test=3).open('test')[:]['image']);"
        "print(hashlib.sha256(images.tobytes()).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert elsewhere.strip() == hashlib.sha256(shown(few, "test", 3).tobytes()).hexdigest()
    others = [shown(Sprites(image_size=32, seed=1), "test", 3), shown(few, "train", 3)]
    assert all((other != shown(few, "test", 3)).any() for other in others)


def test_every_value_is_as_frequent_and_independent_of_the_others() -> None:
    labels = Sprites(image_size=32).labels("train", range(8000))
    for column, attribute in enumerate(SCHEMA):
        shares = np.bincount(labels[:, column], minlength=len(attribute.values)) / len(labels)
        np.testing.assert_allclose(shares, 1 / len(attribute.values), atol=0.02)
    indicators = [(labels[:, c] == v) for c, a in enumerate(SCHEMA) for v in range(len(a.values))]
    owners = [c for c, a in enumerate(SCHEMA) for _ in a.values]
    for (one, first), (other, second) in itertools.combinations(zip(owners, indicators, strict=True), 2):
        if one != other:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.045  # four standard errors of 8,000 independent pairs


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 10**6), size=st.sampled_from([32, 48]), column=st.integers(0, 3))
def test_a_counterfactual_changes_what_is_asked_for_and_nothing_twice(index: int, size: int, column: int) -> None:
    source, attribute = Sprites(image_size=size, test=10**9), SCHEMA.attributes[column]
    own = source.labels("test", [index])[0]
    plain = source.counterfactual("test", [index], {})[0, 0]
    drawn = [source.counterfactual("test", [index], {attribute.name: v})[0, 0] for v in range(len(attribute.values))]
    np.testing.assert_array_equal(drawn[own[column]], plain)
    for one, other in itertools.combinations(drawn, 2):
        assert (one != other).any()
    # No sprite reaches the corners: there is background, which no attribute changes.
    for image in drawn:
        np.testing.assert_array_equal(image[[0, 0, -1, -1], [0, -1, 0, -1]], plain[[0, 0, -1, -1], [0, -1, 0, -1]])
    twice = source.counterfactual("test", [index], {a.name: int(y) for a, y in zip(SCHEMA, own, strict=True)})[0, 0]
    np.testing.assert_array_equal(twice, plain)


def test_only_a_slant_that_is_put_on_has_styles() -> None:
    source = Sprites(image_size=32)
    slanted = source.labels("test", range(40))[:, 1]
    upright, leaning = int(np.flatnonzero(slanted == 0)[0]), int(np.flatnonzero(slanted == 1)[0])
    images = source.counterfactual("test", [upright, leaning], {"Slanted": 1}, styles=3)
    assert images.shape == (2, 3, 32, 32, 3)
    assert len(np.unique(images[0].reshape(3, -1), axis=0)) == 3
    assert len(np.unique(images[1].reshape(3, -1), axis=0)) == 1
    assert source.counterfactual("test", [leaning], {"Slanted": 0}, styles=3).shape[1] == 1
    assert source.counterfactual("test", [upright], {"Shape": 2}, styles=3).shape[1] == 1


def test_a_square_covers_what_its_sides_say() -> None:
    white, black = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    upright = Sprite("square", black, 0.2, 0.0, (0.0, 0.0), 0.5, 0.0, (white, white), (1.0, 0.0))
    for size in (32, 128):
        dark = 1 - draw(upright, size)[..., 0] / 255.0
        half, ring = SHAPES["square"].max() * 0.5, 0.1
        outer, inner = (2 * (half + ring)) ** 2, (2 * (half - ring)) ** 2
        # The outline is black, the inside 55 % white; the rounded outer corners lack (4 - pi) r squared.
        area = outer - (4 - np.pi) * ring**2 - inner + 0.45 * inner
        assert dark.mean() * 4 == pytest.approx(area, rel=0.01)
        assert 0 < (dark[size // 2] > 0).sum() < size


def test_a_slant_moves_the_top_to_the_right_and_keeps_the_area() -> None:
    white, black = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    leaning = Sprite("square", black, 0.01, 0.5, (0.0, 0.0), 0.5, 0.0, (white, white), (1.0, 0.0))
    rows, columns = np.nonzero(draw(leaning, 128)[..., 0] < 200)
    # Half of .5 of the square's half side, which is .86 * .5 of 64 pixels.
    shift = 0.5 * 0.5 * 0.86 * 0.5 * 64
    assert columns[rows < 64].mean() == pytest.approx(63.5 + shift, abs=0.5)
    assert columns[rows >= 64].mean() == pytest.approx(63.5 - shift, abs=0.5)
    straight = draw(leaning._replace(slant=0.0), 128)
    assert (draw(leaning, 128) < 250).sum() == pytest.approx((straight < 250).sum(), rel=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 16}, "image_size is 16. It must be a whole number from 32 to 128."),
        ({"image_size": 256}, "image_size is 256."),
        ({"image_size": 32, "train": "many"}, "train is 'many'."),
        ({"image_size": 32, "data_dir": "somewhere"}, "sprites are drawn: nothing is read in somewhere."),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Sprites(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(("split", "changes"), [("dev", {}), ("test", {"Shape": 4}), ("test", {"Hat": 1})])
def test_impossible_counterfactuals_are_refused(split: str, changes: dict) -> None:
    with pytest.raises(UsageError):
        Sprites(image_size=32).counterfactual(split, [0], changes)


def test_options_decide_the_fingerprint() -> None:
    plain = Sprites(image_size=32).fingerprint("train")
    assert plain == Sprites(image_size="32", train="10000", seed="0").fingerprint("train")
    others = [{"image_size": 64}, {"image_size": 32, "train": 9}, {"image_size": 32, "seed": 1}]
    found = {Sprites(**options).fingerprint("train") for options in others}
    assert len(found | {plain, Sprites(image_size=32).fingerprint("test")}) == 5


def test_workers_can_be_given_it() -> None:
    source = pickle.loads(pickle.dumps(Sprites(image_size=32, train=5)))
    np.testing.assert_array_equal(shown(source, "train", 5), shown(Sprites(image_size=32), "train", 5))


def test_it_keeps_what_a_data_set_promises() -> None:
    report = check_plugin("sprites", only=("data-source", "counterfactuals", "fingerprints", "workers"))
    assert report.counts == {"passed": 4}
