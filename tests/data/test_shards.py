"""Files of limited size, and what is read from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from number_images import SIZE, Numbers

from attredit.data import Geometry, Store, prepare, shards
from attredit.data.shards import Images, Places, Shards
from attredit.data.stores import stored_splits, verify
from attredit.errors import DataWarning, RunError

IMAGE = SIZE * SIZE * 3


def made(**options: Any) -> Store:
    return prepare(Numbers(600, **options), "train", Geometry(SIZE), name="numbers", workers=1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Files of 100 images."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 100 * IMAGE + shards.HEADER)
    return shards.SHARD_BYTES


@pytest.mark.parametrize("processes", [1, 2])
def test_no_file_is_larger_and_all_images_are_there(processes: int, small: int) -> None:
    store = prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=processes)
    files = sorted(store.path.glob("images-*.npy"))
    assert [len(np.load(file)) for file in files] == [100] * 6
    assert max(file.stat().st_size for file in store.path.iterdir()) <= small
    assert (np.asarray(store.images) == np.arange(600).reshape(600, 1, 1, 1) % 256).all()
    (listed,) = stored_splits()
    assert (listed.images, listed.whole, verify(listed)) == (600, True, [])
    assert listed.bytes > 600 * IMAGE


def test_the_limit_is_two_gigabytes_with_headers() -> None:
    assert shards.SHARD_BYTES == 2_000_000_000
    large = Shards.of(Path("nowhere"), (200_000, 64, 64, 3))
    assert len(large.files) == 2
    assert large.rows * large.image_bytes + shards.HEADER <= shards.SHARD_BYTES
    assert Shards.of(Path("nowhere"), (2, 30_000, 30_000, 3)).rows == 1


def test_a_damaged_file_of_several_is_found(small: int) -> None:
    file = made().path / "images-003.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert verify(stored_splits()[0]) == ["images-003.npy is not what was written."]
    file.unlink()
    assert not stored_splits()[0].whole


def test_batches_of_several_files_without_broken_images(small: int) -> None:
    with pytest.warns(DataWarning):
        store = made(broken={0, 99, 100, 350})
    kept = np.delete(np.arange(600), [0, 99, 100, 350])
    order = np.random.default_rng(0).permutation(len(store))
    np.testing.assert_array_equal(store.batch(order)[:, 0, 0, 0], kept[order] % 256)
    np.testing.assert_array_equal(store.label_columns(["odd"])[:, 0], kept % 2)
    np.testing.assert_array_equal(store.rows, kept)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    """Twelve images of one pixel in files of five, of which one is not there; each is its place."""
    places = Shards(tmp_path, (12, 1, 1, 1), 5)
    places.create()
    with Places(places) as opened:
        opened.write(range(12), np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1))
    return Images(places.files, np.delete(np.arange(12), 3))


@pytest.mark.parametrize(
    "index",
    [0, -1, np.int64(5), slice(None), slice(2, 9), slice(9, 2), slice(None, None, 3), [7, 2, 7], [], [True] * 11],
)
def test_they_are_read_like_an_array(index: Any, images: Images) -> None:
    array = np.asarray(images)
    assert array.ravel().tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    index = np.array(index, bool if index and index[0] is True else np.int64) if isinstance(index, list) else index
    np.testing.assert_array_equal(images[index], array[index])
    assert images[index].dtype == np.uint8
    assert (images.shape, len(images), images.places) == ((11, 1, 1, 1), 11, 12)


@pytest.mark.parametrize("index", [11, -12, np.array([3, 11])])
def test_beyond_the_end_is_an_error(index: Any, images: Images) -> None:
    with pytest.raises(IndexError):
        images[index]


def test_they_are_read_where_there_is_no_preadv(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.asarray(images)
    monkeypatch.delattr(os, "preadv")
    np.testing.assert_array_equal(images[np.arange(len(images))[::-1]], whole[::-1])


def test_what_is_read_is_a_copy(images: Images) -> None:
    images[:][:] = 77
    assert images[0].item() == 0
    with pytest.raises(ValueError, match="without being copied"):
        np.array(images, copy=False)


def test_a_file_that_is_cut_short_while_it_is_in_use_is_an_error(images: Images, tmp_path: Path) -> None:
    os.truncate(tmp_path / "images-001.npy", 130)
    assert images[0].item() == 0
    with pytest.raises(RunError, match=r"images-001\.npy was cut short while it was in use"):
        images[-4]


def test_files_of_different_stores_are_refused(images: Images, tmp_path: Path) -> None:
    for shape, dtype in (((7, 1, 1, 1), np.uint8), ((5, 2, 1, 1), np.uint8), ((5, 1, 1, 1), np.int8)):
        np.save(tmp_path / "images-000.npy", np.zeros(shape, dtype))
        with pytest.raises(ValueError, match="different stores"):
            Images(Shards(tmp_path, (12, 1, 1, 1), 5).files, np.arange(12))


def test_files_are_closed_with_their_images(images: Images, tmp_path: Path) -> None:
    held = Path("/proc/self/fd")
    if not held.is_dir():
        pytest.skip("needs /proc")

    def count() -> int:
        return sum(link.is_relative_to(tmp_path) for link in (fd.resolve() for fd in held.iterdir()))

    before = count()
    again = Images(sorted(tmp_path.glob("*.npy")), np.arange(12))
    assert again[3].item() == 3
    assert count() == before + 3
    del again
    assert count() == before


def test_memory_does_not_grow_with_what_is_read(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    places = Shards(tmp_path, (2000, 128, 128, 3), 1000)
    places.create()
    images = Images(places.files, np.arange(2000))
    process = psutil.Process()
    images[:32]
    before = process.memory_info().rss
    for start in range(0, 2000, 32):
        images[start : start + 32]
    assert process.memory_info().rss - before < 20e6  # of 98 MB
