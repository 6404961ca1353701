"""The prepared store: every image decoded and resized once, in a memory-mapped array that batches are slices of.

A store is a directory in the user's cache, named after what it holds; it appears by one rename when it is complete, so
a killed process leaves nothing that looks finished.
"""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data.geometry import Geometry
from attredit.errors import DataError, RunError

if TYPE_CHECKING:
    from torch import Tensor

    from attredit.interfaces import DataSource

FORMAT = 1
_CHUNK = 128
_GUARD = "In a script, put what it does under: if __name__ == '__main__':"

Progress = Callable[[int, int], None]


def cache_dir() -> Path:
    """Where prepared data and judges live: ``ATTREDIT_CACHE``, or the platform's cache directory."""
    if override := os.environ.get("ATTREDIT_CACHE"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("attredit"))


@dataclass(frozen=True)
class Store:
    """A split, ready for training.

    Attributes:
        path: Its directory.
        schema: Every attribute of the source.
        geometry: How its images were cropped and resized.
        fingerprint: Identifies images, labels and geometry.
        images: (N, H, W, C) uint8, memory-mapped.
        labels: (N, n) int16, columns in schema order.
    """

    path: Path
    schema: AttributeSchema
    geometry: Geometry
    fingerprint: str
    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray) -> Tensor:
        """(B, C, H, W) uint8 in channels_last layout: a view of the gathered rows, no further copy."""
        import torch

        return torch.from_numpy(self.images[indices]).permute(0, 3, 1, 2)

    def label_columns(self, names: Iterable[str]) -> np.ndarray:
        """(N, k) int64 labels of some attributes."""
        columns = [self.schema.index(n) for n in names]
        return self.labels[:, columns].astype(np.int64)


def prepare(
    source: DataSource,
    split: str,
    geometry: Geometry,
    *,
    name: str,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Store:
    """The store of a split, made now unless it exists.

    Args:
        source: Where images and labels come from.
        split: One of the source's splits.
        geometry: Crop and size.
        name: The data set's name, for messages.
        workers: Processes that decode; as many as there are cores when None, 1 to stay in this one.
        progress: Told of (images done, images in all).

    Raises:
        DataError: no such split, no images, broken images or labels.
        RunError: the cache cannot be written, or is full.
    """
    if split not in source.splits:
        raise DataError(f"{name} has no split {split!r}.", f"It has {', '.join(source.splits)}.")
    fingerprint = _fingerprint(source, split, geometry)
    home = cache_dir() / "stores"
    path = home / f"{name}-{split}-{geometry.size}-{fingerprint}"
    if (store := _open(path)) is not None:
        return store
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # A worker that is importing the user's script: going on would wait for the parent's lock, which waits for us.
        raise RunError("This script prepares data while a worker process imports it.", _GUARD)
    from filelock import FileLock

    with _explained(home):
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if (store := _open(path)) is not None:
                return store
            # Under the lock, whatever lies here was left by a killed process.
            for stale in (path, *home.glob(f".{path.name}.*")):
                shutil.rmtree(stale, ignore_errors=True)
            temporary = home / f".{path.name}.{os.getpid()}"
            temporary.mkdir()
            try:
                _write(source, split, geometry, name, fingerprint, temporary, workers, progress)
                temporary.rename(path)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    store = _open(path)
    assert store is not None
    return store


def require_classes(store: Store, names: Iterable[str]) -> None:
    """Make sure that every value of these attributes has an example.

    Raises:
        DataError: one has none.
    """
    for name in names:
        column = store.schema.index(name)
        counts = np.bincount(store.labels[:, column], minlength=len(store.schema.attributes[column].values))
        for value, count in zip(store.schema.attributes[column].values, counts, strict=True):
            if not count:
                raise DataError(
                    f"Attribute {name} has no example with value {value} among {len(store)} images.",
                    "Editing needs examples of every value: choose another attribute or more data.",
                )


def _fingerprint(source: DataSource, split: str, geometry: Geometry) -> str:
    parts = [FORMAT, source.fingerprint(split), geometry.to_json(), source.schema.to_json()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _open(path: Path) -> Store | None:
    """A complete store, or None; one whose arrays do not match its description is not used."""
    meta_file = path / "meta.json"
    if not meta_file.is_file():
        return None
    meta = json.loads(meta_file.read_text("utf-8"))
    geometry, schema = Geometry.from_json(meta["geometry"]), AttributeSchema.from_json(meta["schema"])
    try:
        images = np.load(path / "images.npy", mmap_mode="r")
        labels = np.load(path / "labels.npy")
    except (OSError, ValueError):
        return None
    shape = (meta["images"], geometry.size, geometry.size, geometry.channels)
    if images.shape != shape or labels.shape != (meta["images"], len(schema)):
        return None
    return Store(path, schema, geometry, meta["fingerprint"], images, labels)


def _write(
    source: DataSource,
    split: str,
    geometry: Geometry,
    name: str,
    fingerprint: str,
    path: Path,
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Labels first, because they are quick and may be wrong; then images, in parallel; the description last."""
    labels = _labels(source, split, name)
    n = len(labels)
    np.save(path / "labels.npy", labels)
    shape = (n, geometry.size, geometry.size, geometry.channels)
    _require_space(path, int(np.prod(shape)))
    np.lib.format.open_memmap(path / "images.npy", "w+", np.uint8, shape).flush()
    _reserve(path / "images.npy")
    job = _Job(source, split, geometry, name, str(path / "images.npy"))
    done = 0
    for count in _decode_all(job, n, min(workers or os.cpu_count() or 1, 16)):
        done += count
        if progress is not None:
            progress(done, n)
    meta = {
        "format": FORMAT,
        "name": name,
        "split": split,
        "images": n,
        "fingerprint": fingerprint,
        "geometry": geometry.to_json(),
        "schema": source.schema.to_json(),
    }
    (path / "meta.json").write_text(json.dumps(meta, indent=2), "utf-8")


def _labels(source: DataSource, split: str, name: str) -> np.ndarray:
    """(N, n) int16, checked against the schema."""
    dataset = source.open(split).with_format(None)
    if len(dataset) == 0:
        raise DataError(f"Split {split} of {name} has no images.")
    columns = []
    for attribute in source.schema:
        if attribute.name not in dataset.column_names:
            raise DataError(f"Split {split} of {name} has no column for attribute {attribute.name}.")
        column = np.asarray(dataset[attribute.name][:])
        wrong = np.flatnonzero(~np.isin(column, np.arange(len(attribute.values))))
        if len(wrong):
            raise DataError(
                f"Row {wrong[0]} of split {split} of {name} has {column[wrong[0]]!r} for {attribute.name}.",
                f"Labels are 0 to {len(attribute.values) - 1}.",
            )
        columns.append(column.astype(np.int16))
    return np.stack(columns, 1)


@dataclass(frozen=True)
class _Job:
    """What a decoding process needs to know."""

    source: DataSource
    split: str
    geometry: Geometry
    name: str
    images: str


def _decode_all(job: _Job, n: int, workers: int) -> Iterator[int]:
    """Decode all rows; yields how many more are done."""
    ranges = [(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    if workers == 1 or len(ranges) == 1:
        _begin(job)
        yield from map(_decode, ranges)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Forking a process whose libraries run threads may hang the child.
    context = get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(ranges)), context, initializer=_begin, initargs=(job,)) as pool:
        try:
            yield from pool.map(_decode, ranges)
        except BrokenProcessPool as error:
            raise RunError(f"The processes that decode {job.name} ended early.", _GUARD) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_state: dict[str, Any] = {}


def _begin(job: _Job) -> None:
    """Open the source once per process."""
    _state.update(job=job, rows=job.source.open(job.split), out=np.load(job.images, mmap_mode="r+"))


def _decode(rows: tuple[int, int]) -> int:
    """Decode one range of rows into the store."""
    job, dataset, out = _state["job"], _state["rows"], _state["out"]
    start, stop = rows
    try:
        arrays = [_pixels(image, job.geometry) for image in dataset[start:stop]["image"]]
    except Exception:
        # Find the culprit: one broken image spoils the reading of its whole range.
        for i in range(start, stop):
            _check_readable(job, dataset, i)
        raise
    out[start:stop] = np.stack(arrays)
    return stop - start


def _check_readable(job: _Job, dataset: Any, i: int) -> None:
    try:
        _pixels(dataset[i]["image"], job.geometry)
    except Exception as error:
        raise DataError(
            f"Image {i} of split {job.split} of {job.name}{_file_of(dataset, i)} cannot be read: {error}.",
            "Replace or remove it.",
        ) from error


def _file_of(dataset: Any, i: int) -> str:
    """The image's file name in parentheses, where the data set knows it."""
    from datasets import Image

    plain = dataset.with_format(None)
    if not isinstance(plain.features.get("image"), Image):
        return ""
    stored = plain.cast_column("image", Image(decode=False))[i]["image"]
    return f" ({stored['path']})" if stored.get("path") else ""


def _pixels(image: Any, geometry: Geometry) -> np.ndarray:
    """(H, W, C) uint8 from a PIL image or an array."""
    from PIL import Image

    if not isinstance(image, Image.Image):
        array = np.asarray(image)
        if array.dtype == np.uint8 and array.shape == (geometry.size, geometry.size, geometry.channels):
            return array
        image = Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array)
    array = np.asarray(geometry.apply(image))
    return array[..., None] if array.ndim == 2 else array


def _reserve(path: Path) -> None:
    """Take the disk space now: a disk that fills under a memory map kills the process instead of raising."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _require_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """An operating system's refusal to write, as one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Cannot write prepared images below {home}: {error.strerror or error}.",
            "Make room, or name another place with the environment variable ATTREDIT_CACHE.",
        ) from error
