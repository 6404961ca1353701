"""Planted duplicates are found, and nothing else."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit.inspection import duplicates
from attredit.inspection.duplicates import find_duplicates, hashes_of


def saved_as_jpeg(pixels: np.ndarray) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return np.asarray(Image.open(buffer))


def resized(pixels: np.ndarray) -> np.ndarray:
    smaller = Image.fromarray(pixels).resize((24, 24), Image.Resampling.LANCZOS)
    return np.asarray(smaller.resize((32, 32), Image.Resampling.BICUBIC))


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * 1.01 + 2, 0, 255).astype(np.uint8)


def test_none_among_drawn_faces(faces: np.ndarray, store_of: Any) -> None:
    found = find_duplicates({"train": store_of(faces[:160]), "test": store_of(faces[160:])})
    assert (found.within("train"), found.within("test"), found.across("test", "train")) == (0, 0, 0)
    assert found.groups(10) == found.groups(10, identical=True) == []


@pytest.mark.parametrize("change", [np.copy, saved_as_jpeg, resized, brighter])
def test_planted_ones_are_found(change: Any, faces: np.ndarray, store_of: Any) -> None:
    """In a split: of rows 1 and 2; across splits: of rows 3 and 4, one of them twice."""
    train = np.concatenate([faces[:100], [change(faces[1]), change(faces[2])]])
    test = np.concatenate([faces[200:], [change(faces[i]) for i in (3, 4, 4)]])
    found = find_duplicates({"train": store_of(train), "test": store_of(test)})
    assert (found.within("train"), found.within("test")) == (2, 1)
    assert (found.across("test", "train"), found.across("train", "test")) == (3, 2)
    assert found.groups(10) == [
        [("train", 1), ("train", 100)],
        [("train", 2), ("train", 101)],
        [("train", 3), ("test", 40)],
        [("train", 4), ("test", 41), ("test", 42)],
    ]
    assert found.groups(1) == [[("train", 1), ("train", 100)]]
    same = found.groups(10, identical=True)
    assert same == (found.groups(10) if change is np.copy else [[("test", 41), ("test", 42)]])


def test_most_pictures_saved_anew_are_found(faces: np.ndarray, store_of: Any) -> None:
    again = np.stack([saved_as_jpeg(face) for face in faces])
    found = find_duplicates({"train": store_of(faces), "test": store_of(again)})
    assert found.within("train") == 0
    assert found.across("test", "train") > 0.95 * len(faces)


def test_identical_images_that_disagree(faces: np.ndarray, store_of: Any) -> None:
    images = faces[[0, 1, 0, 2, 1, 0]]
    labels = np.array([[0, 1], [1, 1], [1, 1], [0, 0], [1, -1], [0, 1]])
    found = find_duplicates({"train": store_of(images[:4]), "test": store_of(images[4:])})
    # Rows 0, 2 and 5 are one picture, and say 0, 1, 0; rows 1 and 4 agree, or one of them does not say.
    assert found.conflicts(labels).tolist() == [3, 0]
    assert found.conflicts(np.full((6, 1), -1)).tolist() == [0]


def test_candidates_are_all_pairs_that_differ_in_few_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a comparison of all with all; in parts as well."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 40, np.uint64)
    flips = [sum(1 << int(bit) for bit in rng.permutation(64)[:n]) for n in rng.integers(0, 8, 160)]
    hashes = np.concatenate([base, base[rng.integers(0, 40, 160)] ^ np.array(flips, np.uint64)])
    apart = np.array([[(int(a) ^ int(b)).bit_count() for a in hashes] for b in hashes])
    expected = {(i, j) for i, j in np.argwhere(apart <= duplicates.MOST_BITS).tolist() if i < j}
    assert len(expected) > 100
    for most in (1, 7, 1 << 22):
        monkeypatch.setattr(duplicates, "PAIRS", most)
        assert {tuple(sorted(p)) for part in duplicates.candidates(hashes) for p in part.tolist()} == expected


def test_hashes_do_not_depend_on_size_much_and_not_on_brightness(faces: np.ndarray) -> None:
    twice = np.stack([np.asarray(Image.fromarray(f).resize((64, 64), Image.Resampling.BICUBIC)) for f in faces[:50]])
    apart = [(int(a) ^ int(b)).bit_count() for a, b in zip(hashes_of(faces[:50]), hashes_of(twice), strict=True)]
    assert np.mean(apart) < 2
    dark = faces[:50] // 2
    np.testing.assert_array_equal(hashes_of(dark), hashes_of(dark + 100))


@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (3, 8, 8, 3)])
def test_tiny_and_single_and_grey_images(shape: tuple[int, ...], store_of: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    seen: list[tuple[int, int]] = []
    found = find_duplicates({"all": store_of(images)}, lambda done, total: seen.append((done, total)))
    assert found.within("all") == 0
    assert seen == [(len(images), len(images))]
