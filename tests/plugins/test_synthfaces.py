"""synthfaces: the same faces every time, attributes that are independent, visible and confined, honest options."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import multiprocessing
import operator
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import attredit_synthfaces
from attredit.data.source import CounterfactualSource
from attredit.errors import UsageError
from attredit_synthfaces.face import draw
from attredit_synthfaces.factors import faces
from attredit_synthfaces.labels import NAMES
from attredit_synthfaces.sheet import sheet
from attredit_synthfaces.source import SynthFaces

MANY = np.arange(10_000)
FEW = np.arange(32)
STATISTICS = [143.775, 51.896, 150.36, 145.835, 135.128, 0.499]
"""Of forty test faces at 64 pixels: mean, deviation, mean of red, green and blue; mean of 1000 faces' labels."""


@pytest.fixture(scope="module")
def small() -> SynthFaces:
    return SynthFaces(image_size=32, train=64, valid=16, test=200)


@pytest.fixture(scope="module")
def medium() -> SynthFaces:
    return SynthFaces(image_size=64)


def changed(first: np.ndarray, second: np.ndarray, by: int = 0) -> np.ndarray:
    """Where two uint8 images differ by more than `by` in any channel: (..., H, W)."""
    return np.abs(first.astype(int) - second.astype(int)).max(axis=-1) > by


# --- the same faces every time -----------------------------------------------------------------------------------


def test_same_seed_same_bytes(small):
    again = SynthFaces(image_size=32, train=64, valid=16, test=200)
    assert again.image("train", FEW).tobytes() == small.image("train", FEW).tobytes()


def test_a_face_does_not_depend_on_its_company(small):
    together, alone = small.image("train", FEW), small.image("train", [7])
    assert (together[7] == alone[0]).all()
    assert (small.image("train", [7, 3])[0] == alone[0]).all()


@pytest.mark.parametrize("other", [{"seed": 1}, {}], ids=["seed", "split"])
def test_other_seeds_and_splits_have_other_faces(small, other):
    images = SynthFaces(image_size=32, **other).image("train" if other else "valid", FEW)
    assert changed(images, small.image("train", FEW), by=8).mean(axis=(1, 2)).min() > 0.1


def test_the_drawing_has_not_changed_unnoticed(medium):
    """If this fails on purpose, raise face.VERSION and store the new figures."""
    images = medium.image("test", np.arange(40)).astype(float)
    found = [images.mean(), images.std(), *images.mean(axis=(0, 1, 2)), medium.labels("test", MANY[:1000]).mean()]
    assert found == pytest.approx(STATISTICS, abs=0.05)


# --- labels ------------------------------------------------------------------------------------------------------


def phi(labels: np.ndarray) -> np.ndarray:
    return np.corrcoef(labels, rowvar=False)


def test_attributes_are_balanced_and_independent(medium):
    labels = medium.labels("train", MANY)
    assert np.abs(labels.mean(axis=0) - 0.5).max() < 0.02
    assert np.abs(phi(labels) - np.eye(len(NAMES))).max() < 0.04


@pytest.mark.parametrize("asked", [0.8, -0.5, 0.3, 1.0, -1.0])
def test_the_asked_correlation_is_reached(asked):
    source = SynthFaces(image_size=32, correlation={"Smiling": {"Blond_Hair": asked}})
    found = phi(source.labels("train", MANY))
    i, j = NAMES.index("Smiling"), NAMES.index("Blond_Hair")
    assert found[i, j] == pytest.approx(asked, abs=0.03)
    found[i, j] = found[j, i] = 0
    assert np.abs(found - np.eye(len(NAMES))).max() < 0.04


def test_correlation_leaves_balance_and_other_labels_alone(medium):
    source = SynthFaces(image_size=32, correlation={"Male": {"Mustache": 0.7, "Bangs": -0.2}})
    before, after = medium.labels("train", MANY), source.labels("train", MANY)
    assert np.abs(after.mean(axis=0) - 0.5).max() < 0.02
    untouched = [n not in ("Male", "Mustache", "Bangs") for n in NAMES]
    assert (before[:, untouched] == after[:, untouched]).all()


@pytest.mark.parametrize(("correlate", "expected"), [("train", 0.0), ("all", 0.9)])
def test_which_splits_are_correlated(correlate, expected):
    source = SynthFaces(image_size=32, correlation={"Bangs": {"Male": 0.9}}, correlate=correlate)
    columns = source.labels("test", MANY)[:, [NAMES.index("Bangs"), NAMES.index("Male")]]
    assert phi(columns)[0, 1] == pytest.approx(expected, abs=0.03)


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 10**6), max_size=5))
@settings(max_examples=25, deadline=None)
def test_labels_are_a_function_of_the_index(seed, indices):
    source = SynthFaces(image_size=32, seed=seed)
    labels = source.labels("valid", indices)
    assert labels.shape == (len(indices), len(NAMES))
    assert set(np.unique(labels)) <= {0, 1}
    for index, row in zip(indices, labels, strict=True):
        assert (source.labels("valid", [index])[0] == row).all()


# --- counterfactuals ---------------------------------------------------------------------------------------------


def test_what_a_face_already_has_stays_to_the_last_bit(small):
    images, labels = small.image("test", FEW), small.labels("test", FEW)
    for i in range(8):
        same = dict(zip(NAMES, labels[i].tolist(), strict=True))
        for face in small.counterfactual("test", [i], same, styles=3)[0]:
            assert (face == images[i]).all()


@pytest.mark.parametrize("name", NAMES)
def test_off_undoes_on(small, name):
    column = NAMES.index(name)
    images, labels = small.image("test", FEW), small.labels("test", FEW)[:, column]
    off = small.counterfactual("test", FEW, {name: 0})[:, 0]
    on = small.counterfactual("test", FEW, {name: 1})[:, 0]
    assert (np.where(labels[:, None, None, None] == 1, on, off) == images).all()


def test_number_of_styles(small):
    assert small.counterfactual("test", FEW, {"Bangs": 1}, styles=3).shape == (len(FEW), 3, 32, 32, 3)
    assert small.counterfactual("test", FEW, {"Bangs": 0}, styles=3).shape == (len(FEW), 1, 32, 32, 3)
    assert small.counterfactual("test", FEW, {"Bangs": 0, "Male": 1}, styles=2).shape[1] == 2
    assert (small.counterfactual("test", FEW, {})[:, 0] == small.image("test", FEW)).all()


# Share of pairs of styles of a face that must be told apart clearly, and share of the image that an edit may touch.
LOOKS = {
    "Smiling": (0.5, 0.04),
    "Eyeglasses": (0.9, 0.12),
    "Male": (0.8, 0.42),
    "Blond_Hair": (0.6, 0.4),
    "Wearing_Hat": (0.9, 0.25),
    "Mustache": (0.4, 0.03),
    "Bangs": (0.6, 0.18),
    "Pale_Skin": (0.0, 0.35),
}


@pytest.mark.parametrize("name", NAMES)
def test_styles_differ_and_edits_are_confined(medium, name):
    faces = FEW[medium.labels("test", FEW)[:, NAMES.index(name)] == 0][:12]
    styles = medium.counterfactual("test", faces, {name: 1}, styles=4)
    unlike, area = LOOKS[name]
    pairs = [changed(styles[:, a], styles[:, b], by=12) for a, b in itertools.combinations(range(4), 2)]
    assert (np.stack(pairs).sum(axis=(2, 3)) > 4).mean() >= unlike
    assert all(changed(styles[:, a], styles[:, b]).any() for a, b in itertools.combinations(range(4), 2))
    assert changed(styles, medium.image("test", faces)[:, None], by=2).mean(axis=(2, 3)).max() < area


@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_is_visible_whatever_the_others_are(medium, name):
    """At 64 pixels at least eight pixels change clearly in any face."""
    off, on = (medium.counterfactual("valid", np.arange(30), {name: value})[:, 0] for value in (0, 1))
    assert changed(off, on, by=20).sum(axis=(1, 2)).min() >= 8


NEIGHBOURS = ("Blond_Hair", "Bangs", "Wearing_Hat", "Eyeglasses", "Mustache", "Smiling")


@pytest.mark.parametrize(("name", "hidden_by"), list(itertools.permutations(NEIGHBOURS, 2)))
def test_no_attribute_hides_another(medium, name, hidden_by):
    off, on = (medium.counterfactual("valid", FEW[:3], {hidden_by: 1, name: value})[:, 0] for value in (0, 1))
    assert changed(off, on, by=20).sum(axis=(1, 2)).min() >= 8


# --- images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 33, 64, 100, 128, 255, 256])
def test_any_size(size):
    images = SynthFaces(image_size=size).image("train", [0, 1])
    assert images.shape == (2, size, size, 3)
    assert images.dtype == np.uint8


def test_edges_are_antialiased():
    """A small image is what one sees of a large one from afar."""
    large = SynthFaces(image_size=256).image("test", FEW[:8]).reshape(8, 64, 4, 64, 4, 3).mean(axis=(2, 4))
    small = SynthFaces(image_size=64).image("test", FEW[:8])
    error = np.abs(large - small)
    assert error.mean() < 2.0
    assert np.quantile(error, 0.99) < 30


# --- the data set ------------------------------------------------------------------------------------------------


def test_open(small):
    rows = small.open("train")
    assert len(rows) == 64
    assert set(rows.column_names) == {"index", *NAMES}
    batch = rows[4:8]
    assert batch["index"] == [4, 5, 6, 7]
    assert (np.stack(batch["image"]) == small.image("train", range(4, 8))).all()
    assert [batch[n] for n in NAMES] == small.labels("train", range(4, 8)).T.tolist()
    assert (rows.select([9, 3])[1]["image"] == small.image("train", [3])[0]).all()


def test_labels_can_be_read_without_drawing(small, monkeypatch):
    monkeypatch.setattr("attredit_synthfaces.source.draw", None)
    rows = small.open("test")
    assert rows.with_format(None)[5] == {"index": 5} | dict(zip(NAMES, small.labels("test", [5])[0], strict=True))
    assert rows.select_columns(["Male"])[5] == {"Male": small.labels("test", [5])[0, NAMES.index("Male")]}
    assert rows.with_format(None)["Smiling"][:] == small.labels("test", range(200))[:, 0].tolist()


def test_pickles(small):
    images = small.image("train", FEW)
    assert (pickle.loads(pickle.dumps(small)).image("train", FEW) == images).all()
    rows = pickle.loads(pickle.dumps(small.open("train")))
    assert (rows[3]["image"] == images[3]).all()


def test_works_in_worker_processes(small):
    context = multiprocessing.get_context("spawn")  # The stricter of the two: nothing is inherited.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        row = pool.submit(operator.getitem, small.open("train"), 3).result()
    assert (row["image"] == small.image("train", [3])[0]).all()


def test_fingerprint_changes_with_what_could_change_the_split(small):
    base = {"image_size": 32, "train": 64, "valid": 16, "test": 200}
    correlation = {"Smiling": {"Male": 0.5}}

    def moved(**options: Any) -> set[str]:
        other = SynthFaces(**{**base, **options})
        return {split for split in other.splits if other.fingerprint(split) != small.fingerprint(split)}

    everywhere = {"train", "valid", "test"}
    assert moved() == set()
    assert moved(train=65) == {"train"}
    assert moved(seed=1) == moved(image_size=33) == everywhere
    assert moved(correlation=correlation) == {"train"}
    assert moved(correlation=correlation, correlate="all") == everywhere
    assert len({small.fingerprint(split) for split in small.splits}) == 3


def test_options_may_be_strings(small):
    options: dict[str, Any] = {"image_size": "32", "train": "64", "valid": "16", "test": "200", "seed": "0"}
    texts = SynthFaces(**options, correlation={"Male": {"Bangs": "0.0"}})
    assert all(texts.fingerprint(split) == small.fingerprint(split) for split in small.splits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 31}, "image_size is 31. It must be a whole number from 32 to 256."),
        ({"image_size": 257}, "32 to 256"),
        ({"train": "many"}, "train is 'many'"),
        ({"valid": -1}, "valid is -1"),
        ({"test": 1.5}, "test is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"correlate": "trian"}, "Did you mean train?"),
        ({"correlation": {"Smilin": {"Male": 0.5}}}, "Did you mean Smiling?"),
        ({"correlation": {"Smiling": {"Mal": 0.5}}}, "Did you mean Male?"),
        ({"correlation": {"Smiling": {"Smiling": 0.5}}}, "cannot be correlated with itself"),
        ({"correlation": {"Smiling": {"Male": 1.5}}}, "from -1 to 1"),
        ({"correlation": {"Smiling": {"Male": "nan"}}}, "from -1 to 1"),
        ({"correlation": {"Smiling": 0.5}}, "must map attributes to numbers"),
        ({"correlation": "0.5"}, "must map attributes to numbers"),
        ({"correlation": {"Smiling": {"Male": 0.5}, "Male": {"Smiling": 0.4}}}, "given twice"),
        ({"correlation": {"Smiling": {"Male": 0.9, "Bangs": 0.9}}}, "No data can have all"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(UsageError) as caught:
        SynthFaces(**{"image_size": 32, **options})
    assert message in str(caught.value)


def test_impossible_requests(small):
    with pytest.raises(UsageError, match=r"Did you mean test\?"):
        small.open("tset")
    with pytest.raises(UsageError, match=r"Did you mean Bangs\?"):
        small.counterfactual("test", [0], {"Bang": 1})
    with pytest.raises(UsageError, match="from 0 to 1"):
        small.counterfactual("test", [0], {"Bangs": 2})
    with pytest.raises(UsageError, match="styles is 0"):
        small.counterfactual("test", [0], {"Bangs": 1}, styles=0)


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import attredit_synthfaces", {"numpy", "torch", "datasets"}),
        (
            "from attredit_synthfaces.source import SynthFaces as S; S(image_size=32).image('train', [0])",
            {"torch", "datasets"},
        ),
    ],
    ids=["listing", "drawing"],
)
def test_heavy_imports_are_avoided(code, unwanted):
    check = f"import sys; {code}; assert not {unwanted} & set(sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", check], check=True, env=environment)


def test_registered():
    found = {}
    attredit_synthfaces.register_datasets(lambda name, target, **more: found.update({name: target}))
    module, _, attribute = found["synthfaces"].partition(":")
    source = getattr(importlib.import_module(module), attribute)(image_size=32)
    assert isinstance(source, CounterfactualSource)


def test_what_is_transferred_is_the_donors_alone():
    source = SynthFaces(image_size=32, test=40)
    column, every = source.schema.index("Eyeglasses"), np.arange(40)
    labels = source.labels("test", every)
    having = every[labels[:, column] == 1]
    assert (source.transferred("test", having, having, "Eyeglasses") == source.image("test", having)).all()
    donors = having[every % len(having)]
    style = np.zeros_like(labels)
    plain, worn = faces(0, 2, every, labels, style), faces(0, 2, donors, labels[donors], style)
    for face, donor, drawn in zip(plain, worn, source.transferred("test", every, donors, "Eyeglasses"), strict=True):
        assert (drawn == draw(dataclasses.replace(face, glasses=donor.glasses), 32)).all()
    with pytest.raises(UsageError, match="A donor has no Eyeglasses"):
        source.transferred("test", having, every[labels[:, column] == 0][:1].repeat(len(having)), "Eyeglasses")


def test_sheet():
    assert sheet(32, 0).size == (12 * 32, 8 * 32 + 12)
