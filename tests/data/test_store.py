"""What a store holds, and what is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from number_images import SIZE, Numbers

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.data import Geometry, Store, making, prepare, require_classes, store, workers
from attredit.errors import DataError, RunError, UsageError

Left = Callable[[], list[str]]


def made(source: Any = None, **options: Any) -> Store:
    return prepare(source or Numbers(), "train", Geometry(SIZE), name="numbers", **{"workers": 1, **options})


def test_batches_are_views_in_channels_last() -> None:
    numbers = made()
    batch = numbers.batch(np.array([5, 2, 5]))
    assert batch.shape == (3, 3, SIZE, SIZE)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch[:, 0, 0, 0].tolist() == [5, 2, 5]
    assert numbers.label_columns(["odd"])[[5, 2]].tolist() == [[1], [0]]
    assert numbers.label_columns(["odd"]).dtype == np.int64
    assert len(numbers) == 600


@pytest.mark.parametrize("processes", [1, 2])
def test_prepared_once_and_found_again(processes: int) -> None:
    seen: list[tuple[int, int]] = []
    source = Numbers()
    first = made(source, workers=processes, progress=lambda a, b: seen.append((a, b)))
    assert seen[0] == (256, 600)
    assert seen[-1] == (600, 600)
    assert len(seen) == 3
    images = np.asarray(first.images)
    np.testing.assert_array_equal(images[:, 0, 0, 0], np.arange(600) % 256)
    assert (images == images[:, :1, :1, :1]).all()
    source.open = None  # type: ignore[method-assign, assignment]
    again = made(source, progress=lambda a, b: pytest.fail("prepared twice"))
    assert again.path == first.path


def test_few_images_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "decode_in_processes", lambda *a: pytest.fail("not worth it"))
    made(workers=None)


def test_many_or_slow_images_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(workers, "WORTH_WORKERS", 0.0)
    monkeypatch.setattr(workers, "cores", lambda: 64)
    monkeypatch.setattr(workers, "decode_in_processes", lambda job, ranges, n, here: asked.append(n) or [])
    with pytest.raises(AssertionError):  # nobody decoded the rest
        made(workers=None)
    assert asked == [15]  # and this process


META, IMAGES, BROKEN = "meta.json", "images-000000000.npy", "broken.json"


@pytest.mark.parametrize(
    "file, damage",
    [
        (IMAGES, lambda content: content[:999]),
        (IMAGES, lambda content: b""),
        ("labels.npy", lambda content: b""),
        (IMAGES, lambda content: content.replace(b"}", b"(")),
        ("labels.npy", lambda content: b"PK\x03\x04"),
        ("labels.npy", lambda content: content.replace(b"<i2", b"<u2")),
        ("labels.npy", lambda content: content.replace(b"(600, 1)", b"(300, 2)")),
        (META, lambda content: b""),
        (META, lambda content: b"\xff\xfe"),
        (META, lambda content: content[:-1]),
        (META, lambda content: b"{}"),
        (META, lambda content: b"[]"),
        (META, lambda content: content.replace(b'"schema": [', b'"schema": [1, ')),
        (META, lambda content: content.replace(b'"values"', b'"x"')),
        (META, lambda content: content.replace(b'"checksums"', b'"x"')),
        (META, lambda content: content.replace(b'"labels.npy"', b'"x"')),
        (META, lambda content: content.replace(b'"size": 8', b'"size": "8"')),
        (META, lambda content: content.replace(b'"images-000000256.npy"', b'"images-000000255.npy"')),
        (META, lambda content: content.replace(b'"images-000000256.npy": ', b'"labels.npy": ')),
        (BROKEN, lambda content: b""),
        (BROKEN, lambda content: b"[[]]"),
        (BROKEN, lambda content: b'[{"row": 1, "file": "", "reason": ""}]'),
        (BROKEN, lambda content: b'[{"row": 600, "file": "", "reason": ""}]'),
        (META, lambda content: content.replace(b'"fingerprint": "', b'"fingerprint": "x')),
    ],
)
def test_a_damaged_store_is_made_again(file: str, damage: Callable[[bytes], bytes], left: Left) -> None:
    path = made().path
    whole = (path / file).read_bytes()
    (path / file).write_bytes(damage(whole))
    assert made().images[599][0, 0, 0] == 599 % 256
    assert (path / file).read_bytes() == whole
    assert left() == [path.name]


@pytest.mark.parametrize("file", [IMAGES, "labels.npy", META, BROKEN])
def test_a_missing_file_is_made_again(file: str) -> None:
    (made().path / file).unlink()
    assert len(made()) == 600


def test_another_fingerprint_size_or_format_is_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {made().path, made(Numbers(tag="x")).path}
    paths.add(prepare(Numbers(), "train", Geometry(16), name="numbers", workers=1).path)
    paths.add(prepare(Numbers(), "train", Geometry(SIZE, 1), name="numbers", workers=1).path)
    monkeypatch.setattr(store, "FORMAT", "another")
    paths.add(made().path)
    assert len(paths) == 5


def test_a_full_id_may_be_the_name(stores: Path) -> None:
    prepared = prepare(Numbers(), "train", Geometry(SIZE), name="plugin/numbers", workers=1)
    assert prepared.path.parent == stores


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 7], r"Row 1 of split train of numbers has 7 for odd\. Labels are whole numbers from 0 to 1"),
        ([-1, 1], r"Row 0 of split train of numbers has -1 for odd"),
        (["0", "1"], r"Row 0 of split train of numbers has '0' for odd"),
        ([1.0, 0.5], r"Row 1 of split train of numbers has 0\.5 for odd"),
        ([], r"There are no images in split train of numbers"),
    ],
)
def test_labels_are_checked(labels: list[Any], message: str, left: Left) -> None:
    with pytest.raises(DataError, match=message):
        made(Numbers(len(labels), labels=labels))
    assert left() == []


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_labels_are_minus_one_in_the_store(missing: Any) -> None:
    assert made(Numbers(3, labels=[1, missing, 0])).labels.tolist() == [[1], [MISSING], [0]]
    nowhere = made(Numbers(4, labels=[missing] * 4))
    assert nowhere.labels.tolist() == [[MISSING]] * 4
    with pytest.raises(DataError, match=r"odd\b.* value 0\b.* 4 images"):
        require_classes(nowhere, ["odd"])


def test_booleans_are_labels() -> None:
    assert made(Numbers(2, labels=[True, False])).labels.tolist() == [[1], [0]]


class Rows(Numbers):
    """A source of given columns."""

    def __init__(self, columns: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.columns = columns

    def open(self, split: str) -> Any:
        from datasets import Dataset

        return Dataset.from_dict(self.columns)


def test_columns_are_checked() -> None:
    with pytest.raises(DataError, match=r"column odd in .*train of numbers\..* image"):
        made(Rows({"image": [0, 1]}))
    with pytest.raises(DataError, match=r"column image in .*train of numbers\..* odd"):
        made(Rows({"odd": [0, 1]}))
    with pytest.raises(DataError, match=r"numbers has no split 'test'\. It has train"):
        prepare(Numbers(), "test", Geometry(SIZE), name="numbers")


def test_images_may_be_lists_or_grey_or_of_any_size() -> None:
    grey = np.full((6, 20), 9, np.uint8)
    assert made(Rows({"image": [grey.tolist(), (grey + 1).tolist()], "odd": [0, 1]})).images[1].tolist() == (
        np.full((SIZE, SIZE, 3), 10).tolist()
    )


@pytest.mark.parametrize(
    "image, message",
    [
        (None, "it is missing"),
        (np.full((4, 4, 3), 255.0, np.float32), r"Float pixels must lie in \[0, 1\]"),
        (np.zeros((4, 4, 3), np.int64), "Pixels of type int64 are ambiguous"),
        (np.zeros(4, np.uint8), r"An array of uint8 \(4,\) is no image"),
        ([[300]], "OverflowError"),
    ],
)
def test_what_is_no_image_is_named(image: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Numbers, "draw", lambda self, rows: {"image": [image for _ in rows["index"]]})
    said = rf"2 of 2 images of split train of numbers cannot be used: row 0 \({message}.*Look at the first of them"
    with pytest.raises(DataError, match=said):
        made(Numbers(2))


def test_every_value_needs_an_example() -> None:
    one_sided = made(Numbers(3, labels=[1, 1, 1]))
    with pytest.raises(DataError, match=r"odd\b.* value 0\b.* 3 images"):
        require_classes(one_sided, ["odd"])
    with pytest.raises(UsageError, match="Unknown attribute 'even'"):
        require_classes(one_sided, ["even"])
    require_classes(made(), ["odd"])


def test_categorical_labels() -> None:
    source = Numbers(4, labels=[0, 1, 3, 1])
    source.schema = AttributeSchema((Attribute("odd", ("a", "b", "c", "d")),))
    numbers = made(source)
    with pytest.raises(DataError, match=r"odd\b.* value c\b"):
        require_classes(numbers, ["odd"])


def full(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL = r"No space left on device; .* kB .*ATTREDIT_CACHE"


def test_too_little_space_is_said_at_once(monkeypatch: pytest.MonkeyPatch, left: Left) -> None:
    monkeypatch.setattr(making.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(RunError, match=r" 10 bytes .* kB .*ATTREDIT_CACHE"):
        made()
    assert left() == []


@pytest.mark.parametrize("call", ["np.save", "os.fsync"])
def test_a_disk_that_fills_at_the_beginning_or_the_end(call: str, monkeypatch: pytest.MonkeyPatch, left: Left) -> None:
    monkeypatch.setattr(np if call == "np.save" else os, call.split(".")[1], full)
    with pytest.raises(RunError, match=FULL):
        made()
    assert left() == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_disk_that_fills_while_decoding(processes: int, stores: Path, left: Left) -> None:
    """The kernel itself refuses to write, beyond a limit on the size of files."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(done: int, total: int) -> None:
        # After the first shard; the workers inherit it.
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))

    try:
        with pytest.raises(RunError, match=r"File too large; .* kB ") as caught:
            made(progress=limit, workers=processes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert left() == []
    assert len(made()) == 600


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"Cannot write prepared images below .*file.*Not a directory"):
        made()


@pytest.mark.parametrize("method", ["open", "fingerprint"])
def test_a_source_that_cannot_be_read_is_not_taken_for_a_cache_that_cannot_be_written(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Numbers, split: str) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "labels.txt")

    monkeypatch.setattr(Numbers, method, gone)
    message = (
        r"Cannot read split train of numbers: No such file or directory \(labels\.txt\)\. Make sure that its files"
    )
    with pytest.raises(DataError, match=message):
        made()
