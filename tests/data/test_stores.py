"""The stores in the cache: listed, checked, removed, and nothing else with them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from number_images import SIZE, Numbers

from attredit.data import Geometry, Store, prepare
from attredit.data.stores import least_used, named_stores, remove, stored_splits, verify
from attredit.errors import RunError, UsageError

Left = Callable[[], list[str]]


def made(tag: str = "", name: str = "numbers") -> Store:
    return prepare(Numbers(20, tag=tag), "train", Geometry(SIZE), name=name, workers=1)


def test_no_cache_has_no_stores() -> None:
    assert stored_splits() == []


def test_a_store_is_listed_as_what_it_is(stores: Path) -> None:
    store = made(name="plugin/num-bers")
    (found,) = stored_splits()
    assert (found.dataset, found.split, found.size, found.images) == ("plugin/num-bers", "train", SIZE, 20)
    assert (found.path, found.fingerprint, found.whole) == (store.path, store.fingerprint, True)
    assert found.bytes == sum(file.stat().st_size for file in store.path.iterdir()) > 20 * SIZE * SIZE * 3


def test_a_damaged_one_is_listed_as_that() -> None:
    store = made()
    (store.path / "meta.json").unlink()
    (found,) = stored_splits()
    assert (found.dataset, found.split, found.size, found.whole) == ("numbers", "train", SIZE, False)
    assert verify(found) == ["It is incomplete, or of another version of attredit."]


def test_what_is_no_store_is_neither_listed_nor_removed(stores: Path, tmp_path: Path) -> None:
    made()
    (stores / "mine").mkdir()
    (stores / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "elsewhere").mkdir()
    (stores / f"linked-train-8-{'0' * 16}").symlink_to(tmp_path / "elsewhere")
    (stores / f"file-train-8-{'0' * 16}").write_text("a file")
    for store in stored_splits():
        remove(store)
    left = {path.name for path in stores.iterdir() if path.suffix != ".lock"}
    assert left == {"mine", f"linked-train-8-{'0' * 16}", f"file-train-8-{'0' * 16}"}
    assert (tmp_path / "elsewhere").is_dir()


def test_opening_a_store_is_use_of_it_and_listing_is_none() -> None:
    path = made().path
    os.utime(path, (1000, 1000))
    assert [store.used for store in stored_splits()] == [1000]
    made()
    assert stored_splits()[0].used > 1000


def test_a_cache_that_cannot_be_written_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    path = made().path
    os.utime(path, (1000, 1000))

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", refuse)
    assert len(made()) == 20
    assert stored_splits()[0].used == 1000


def test_names_and_fingerprints_choose() -> None:
    a, b, other = made("a"), made("b"), made(name="others")
    everything = stored_splits()
    assert {s.path for s in named_stores(everything, ["numbers"])} == {a.path, b.path}
    assert [s.path for s in named_stores(everything, [b.fingerprint[:6], b.fingerprint])] == [b.path]
    assert {s.path for s in named_stores(everything, ["others", a.fingerprint])} == {other.path, a.path}
    with pytest.raises(UsageError, match=r"'number'\. .* numbers\?"):
        named_stores(everything, ["number"])
    with pytest.raises(UsageError, match="No prepared data"):
        named_stores(everything, [b.fingerprint[:5]])


def test_the_least_recently_used_go_until_the_rest_fits(left: Left) -> None:
    paths = [made(tag).path for tag in "abc"]
    for path, used in zip(paths, (300, 100, 200), strict=True):
        os.utime(path, (used, used))
    everything = stored_splits()
    each = everything[0].bytes
    assert [s.path for s in least_used(everything, 2 * each)] == [paths[1]]
    assert [s.path for s in least_used(everything, 2 * each - 1)] == [paths[1], paths[2]]
    assert least_used(everything, 3 * each) == []
    assert len(least_used(everything, 0)) == 3
    for store in least_used(everything, each):
        remove(store)
    assert left() == [paths[0].name]
    remove(everything[0])
    remove(everything[0])  # somebody else may have been quicker


def test_what_is_half_removed_is_no_store_and_goes_with_the_next(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    (store,) = stored_splits()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refuse)
        with pytest.raises(RunError, match="Permission denied"):
            remove(store)
    assert stored_splits() == []
    assert left() == [f"{store.path.name}.gone"]
    other = made("other")
    assert left() == [other.path.name]


@pytest.mark.parametrize("file", ["images-000000000.npy", "labels.npy"])
def test_one_changed_byte_is_found(file: str) -> None:
    path = made().path / file
    seen: list[tuple[int, int]] = []
    (store,) = stored_splits()
    assert verify(store, lambda done, total: seen.append((done, total))) == []
    assert seen[-1][0] == seen[-1][1] > 20 * SIZE * SIZE * 3
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (store,) = stored_splits()
    assert store.whole
    assert verify(store) == [f"{file} is not what was written."]
