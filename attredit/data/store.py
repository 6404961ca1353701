"""The prepared store: every image decoded and resized once, in a memory-mapped array that batches are slices of.

A store is a directory in the user's cache, named after what it holds. It is made under another name and appears by one
rename when it is complete, so a killed process leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data.decoding import Decoder, Job, reading, writing
from attredit.data.geometry import Geometry
from attredit.data.labels import read_labels
from attredit.data.workers import decode_all
from attredit.errors import AttrEditError, DataError

if TYPE_CHECKING:
    from torch import Tensor

    from attredit.interfaces import DataSource

FORMAT = 2

PARTS = ("images.npy", "labels.npy")

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
        labels: (N, n) int16, columns in schema order; `attredit.attributes.MISSING` where there is none.
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

    Several processes may ask at once: one makes it, the others wait for it.

    Args:
        source: Where images and labels come from.
        split: One of the source's splits.
        geometry: Crop and size.
        name: The data set's name, for messages and the directory's name.
        workers: Processes that decode; 1 for this one alone. When None, as many as there are cores, if the time that
            the first images took says that they are worth starting. A source whose class is defined in the script that
            runs is always read by this process, because others cannot import it.
        progress: Told of (images done, images in all), in this process.

    Raises:
        DataError: no such split, no images, or images or labels that are broken or cannot be read.
        RunError: the cache cannot be written or is full, or a worker died.
    """
    with reading(f"split {split} of {name}"):
        if split not in source.splits:
            raise DataError(f"{name} has no split {split!r}.", f"It has {', '.join(source.splits)}.")
        fingerprint = fingerprint_of(source, split, geometry)
    home = cache_dir() / "stores"
    # Names may be full ids, plugin/name.
    path = home / f"{re.sub('[^A-Za-z0-9_]+', '-', name)}-{split}-{geometry.size}-{fingerprint}"
    if (store := read_store(path, fingerprint)) is not None:
        # The directory's time of change says when it was last used. A cache that cannot be written to is never cleared.
        with suppress(OSError):
            os.utime(path)
        return store
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    with locked(path):
        if (store := read_store(path, fingerprint)) is None:
            _make(source, split, geometry, name, fingerprint, path, workers, progress)
            store = read_store(path, fingerprint)
    assert store is not None
    return store


def require_classes(store: Store, names: Iterable[str], rows: np.ndarray | None = None) -> None:
    """Make sure that every value of these attributes has an example, in some rows or in all.

    Raises:
        DataError: one has none.
    """
    for name in names:
        column = store.schema.index(name)
        labels = store.labels[slice(None) if rows is None else rows, column]
        for label, value in enumerate(store.schema.attributes[column].values):
            if not (labels == label).any():
                raise DataError(
                    f"Attribute {name} has no example with value {value} among {len(labels)} images.",
                    "Editing and balancing need examples of every value: choose another attribute or more data.",
                )


def fingerprint_of(source: DataSource, split: str, geometry: Geometry) -> str:
    """Hex digest of a split's images, labels and geometry, which a store of them has too; nothing is decoded."""
    parts = [FORMAT, source.fingerprint(split), geometry.to_json(), source.schema.to_json()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def read_store(path: Path, fingerprint: str) -> Store | None:
    """A complete store, or None: one whose files are damaged or do not fit together is made again."""
    try:
        meta = json.loads((path / "meta.json").read_text("utf-8"))
        geometry, schema = Geometry.from_json(meta["geometry"]), AttributeSchema.from_json(meta["schema"])
        # Not np.load, which takes a damaged file for a zip archive or a pickle. What is cut short is a ValueError, a
        # header that is no Python a TokenError or SyntaxError.
        images, labels = (np.lib.format.open_memmap(path / f"{part}.npy", "r") for part in ("images", "labels"))
        n, known_as, recorded = meta["images"], meta["fingerprint"], set(meta["checksums"])
    except (OSError, ValueError, KeyError, TypeError, TokenError, SyntaxError, AttrEditError):
        return None
    shape = (n, geometry.size, geometry.size, geometry.channels)
    if (images.shape, labels.shape, known_as) != (shape, (n, len(schema)), fingerprint):
        return None
    if recorded != set(PARTS):
        return None
    if images.dtype != np.uint8 or labels.dtype != np.int16:
        return None
    return Store(path, schema, geometry, fingerprint, images, np.array(labels))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The right to make a store; whoever else has it is waited for."""
    from filelock import FileLock

    lock = FileLock(f"{path}.lock")
    with writing(path.parent):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(
    source: DataSource,
    split: str,
    geometry: Geometry,
    name: str,
    fingerprint: str,
    path: Path,
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Make a store under another name, and rename it. Called under its lock."""
    part = part_of(path)
    with writing(path.parent):
        _remove_leftovers(path)
        part.mkdir()
    try:
        where = f"split {split} of {name}"
        with reading(where):
            rows = source.open(split)
            labels = read_labels(rows, source.schema, where)
        job = _begin(source, split, geometry, name, part, labels)
        done = 0
        # Closed, so that workers have ended before their file is removed: as long as they hold it, it takes its space.
        with Decoder(job, rows) as decoder, closing(decode_all(decoder, len(labels), workers)) as counts:
            for count in counts:
                done += count
                if progress is not None:
                    progress(done, len(labels))
        meta = {
            "format": FORMAT,
            "name": name,
            "split": split,
            "images": len(labels),
            "fingerprint": fingerprint,
            "geometry": geometry.to_json(),
            "schema": source.schema.to_json(),
        }
        with writing(path.parent, job.needed):
            # Of the files, not of what was decoded: ranges arrive in any order, and the files are still in memory.
            meta["checksums"] = {file: checksum_of(part / file) for file in PARTS}
            (part / "meta.json").write_text(json.dumps(meta, indent=2), "utf-8")
            for file in part.iterdir():
                _flush(file)
            part.rename(path)
    finally:
        # Gone already after the rename; what cannot be removed now, the next one to make a store removes.
        shutil.rmtree(part, ignore_errors=True)


def part_of(path: Path) -> Path:
    """Where a store is made."""
    return path.with_name(f".{path.name}.part")


def _remove_leftovers(path: Path) -> None:
    """Remove what killed processes left behind: of this store, and of others that nobody is making now."""
    from filelock import FileLock, Timeout

    for stale in (path, part_of(path)):
        if stale.exists():
            shutil.rmtree(stale)
    for stale in path.parent.glob(".*.part"):
        try:
            with FileLock(path.parent / f"{stale.name[1:].removesuffix('.part')}.lock", timeout=0):
                # Whoever held the lock a moment ago may have finished.
                if stale.exists():
                    shutil.rmtree(stale)
        except Timeout:
            continue


def _begin(source: DataSource, split: str, geometry: Geometry, name: str, part: Path, labels: np.ndarray) -> Job:
    """Write the labels, which are quick, and an images.npy of full length without content."""
    shape = (len(labels), geometry.size, geometry.size, geometry.channels)
    needed, file = int(np.prod(shape)) + labels.nbytes, part / "images.npy"
    with writing(part.parent, needed):
        free = shutil.disk_usage(part).free
        if free < needed:
            raise OSError(f"only {free / 1e6:,.1f} MB are free")
        np.save(part / "labels.npy", labels)
        offset = np.lib.format.open_memmap(file, "w+", np.uint8, shape).offset
        if hasattr(os, "posix_fallocate"):
            # Taken now: better no start than an end after an hour because another program filled the disk.
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return Job(source, split, name, geometry, file, offset, needed)


def checksum_of(file: Path) -> str:
    """Hex SHA-256 of a file, read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _flush(file: Path) -> None:
    """Wait until a file is on the disk, lest a power failure leave a store of zeros under its final name."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())
