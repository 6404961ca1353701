"""Files of limited size, and what is read from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from number_images import SIZE, Numbers

from attredit.data import Geometry, Store, prepare, shards
from attredit.data.shards import Images, header_of, name_of, shards_of, write_whole
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
    assert shards_of(2, 30_000 * 30_000 * 3) == [range(1), range(1, 2)]
    image = 256 * 256 * 3
    large = shards_of(10_000_000, image)
    assert len(large[0]) * image + shards.HEADER <= shards.SHARD_BYTES < (len(large[0]) + 1) * image + shards.HEADER
    assert large[-1].stop == 10_000_000


@pytest.mark.parametrize("images", [1, 256, 257, 9_000, 200_000])
def test_few_files_are_open_and_each_is_worth_it(images: int) -> None:
    found = shards_of(images, IMAGE)
    assert [row for rows in found for row in rows] == list(range(images))
    assert len(found) <= shards.FILES
    assert len({len(rows) for rows in found[:-1]}) <= 1
    assert all(len(rows) >= shards.SHARD_ROWS for rows in found[:-1])


def test_a_damaged_file_of_several_is_found(small: int) -> None:
    file = made().path / "images-000000300.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert verify(stored_splits()[0]) == ["images-000000300.npy is not what was written."]
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
    return Images(written(tmp_path, np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1), 5), np.delete(np.arange(12), 3))


def written(folder: Path, images: np.ndarray, each: int) -> list[Path]:
    """Files of so many images each."""
    files = []
    for start in range(0, len(images), each):
        some = images[start : start + each]
        files.append(folder / name_of(range(start, start + len(some))))
        write_whole(files[-1], [header_of(some.shape), some.data])
    return files


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
    os.truncate(tmp_path / "images-000000005.npy", 130)
    assert images[0].item() == 0
    with pytest.raises(RunError, match=r"images-000000005\.npy\b"):
        images[-4]


def test_files_of_different_stores_are_refused(images: Images, tmp_path: Path) -> None:
    for shape, dtype in (((7, 1, 1, 1), np.uint8), ((5, 2, 1, 1), np.uint8), ((5, 1, 1, 1), np.int8)):
        np.save(tmp_path / "images-000000000.npy", np.zeros(shape, dtype))
        with pytest.raises(ValueError, match="different stores"):
            Images(sorted(tmp_path.glob("*.npy")), np.arange(12))


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
    images = Images(written(tmp_path, np.zeros((2000, 128, 128, 3), np.uint8), 1000), np.arange(2000))
    process = psutil.Process()
    images[:32]
    before = process.memory_info().rss
    for start in range(0, 2000, 32):
        images[start : start + 32]
    assert process.memory_info().rss - before < 20e6  # of 98 MB
