"""Makes a store: under another name, in pieces that are written down as they are finished, and at last by one rename.

So a process that is killed leaves nothing that looks finished, and the next one goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attredit.data.decoding import Decoder, Job, Unwritable, reading, writing
from attredit.data.geometry import Geometry
from attredit.data.journal import JOURNAL, Journal, left
from attredit.data.labels import read_labels
from attredit.data.left_out import Broken, Unusable, require_half, write_broken
from attredit.data.shards import Shards, names_of
from attredit.data.workers import CHUNK, decode_all

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.data.source import DataSource

FORMAT = 3

META, LABELS, BROKEN = "meta.json", "labels.npy", "broken.json"
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long an unfinished store waits for somebody to go on with it."""

Progress = Callable[[int, int], None]


def parts_of(files: int) -> tuple[str, ...]:
    """Names of the files that a store with so many files of images has, apart from meta.json, which has their sums."""
    return (*names_of(files), LABELS, BROKEN)


def part_of(path: Path) -> Path:
    """Where a store is made."""
    return path.with_name(f".{path.name}.part")


def unfinished(part: Path) -> bool:
    """Whether somebody may go on with what lies there."""
    return (part / JOURNAL).exists()


def discard(part: Path) -> None:
    """Remove a directory in which a store was made, if there is one.

    Raises:
        OSError: it cannot be removed.
    """
    # First, lest somebody go on with half of it.
    (part / JOURNAL).unlink(missing_ok=True)
    if part.exists():
        shutil.rmtree(part)


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


@dataclass(frozen=True)
class Making:
    """A store that is to be made.

    Attributes:
        source: Where images and labels come from.
        split: Which of its splits.
        geometry: Crop and size.
        name: The data set's.
        fingerprint: See `attredit.data.store.fingerprint_of`.
        path: The store's directory.
    """

    source: DataSource
    split: str
    geometry: Geometry
    name: str
    fingerprint: str
    path: Path

    @property
    def where(self) -> str:
        """For messages."""
        return f"split {self.split} of {self.name}"

    def make(self, workers: int | None, progress: Progress | None) -> None:
        """Make it, or go on with what a killed process left. Called under its lock.

        Raises:
            DataError: images or labels that are broken or cannot be read.
            RunError: the cache cannot be written or is full, or a worker died.
        """
        part = part_of(self.path)
        with writing(self.path.parent):
            _remove_leftovers(self.path)
        with reading(self.where):
            rows = self.source.open(self.split)
            labels = read_labels(rows, self.source.schema, self.where)
        try:
            job = self._begin(part, labels)
            broken = self._decode(job, rows, workers, progress)
            with writing(self.path.parent, job.needed):
                self._finish(part, len(job.shards.files), len(labels) - len(broken), broken)
        except (Unwritable, Unusable):
            # A full disk needs the space. What cannot be removed now, the next one to make a store removes.
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _begin(self, part: Path, labels: np.ndarray) -> Job:
        """Write the labels, which are quick, and files of full length for the images."""
        geometry = self.geometry
        shards = Shards.of(part, (len(labels), geometry.size, geometry.size, geometry.channels))
        needed = len(labels) * shards.image_bytes + labels.nbytes
        with writing(part.parent, needed):
            part.mkdir(exist_ok=True)
            free = shutil.disk_usage(part).free + sum(file.stat().st_size for file in part.iterdir())
            if free < needed:
                raise OSError(f"only {free / 1e6:,.1f} MB are free")
            np.save(part / LABELS, labels)
            shards.create()
        return Job(self.source, self.split, self.name, geometry, shards, needed)

    def _decode(self, job: Job, rows: Dataset, workers: int | None, progress: Progress | None) -> list[Broken]:
        """Decode what is not done yet; all images that cannot be."""
        images = job.shards.shape[0]
        told = progress or (lambda done, total: None)
        with Decoder(job, rows) as decoder, Journal(decoder) as journal:
            finished = journal.finished
            broken = [image for done in finished for image in done.broken]
            if count := sum(len(done.rows) for done in finished):
                told(count, images)
            ranges = left(images, [done.rows for done in finished], CHUNK)
            # Closed, so that workers have ended before their files are removed: as long as they hold them, they take
            # their space.
            with closing(decode_all(decoder, ranges, workers)) as results:
                for done in results:
                    journal.add(done)
                    broken += done.broken
                    require_half(broken, images, self.where)
                    count += len(done.rows)
                    told(count, images)
        assert count == images, "rows were left out without being told"
        return sorted(broken)

    def _finish(self, part: Path, files: int, images: int, broken: Sequence[Broken]) -> None:
        """Write what else a store has, and give it its name."""
        write_broken(part / BROKEN, broken)
        meta = {
            "format": FORMAT,
            "name": self.name,
            "split": self.split,
            "images": images,
            "files": files,
            "fingerprint": self.fingerprint,
            "geometry": self.geometry.to_json(),
            "schema": self.source.schema.to_json(),
            # Of the files, not of what was decoded: ranges arrive in any order, and the files are still in memory.
            "checksums": {file: checksum_of(part / file) for file in parts_of(files)},
        }
        (part / META).write_text(json.dumps(meta, indent=2), "utf-8")
        for name in part.iterdir():
            _flush(name)
        part.rename(self.path)
        # Afterwards, so that whoever is killed in between has lost nothing.
        (self.path / JOURNAL).unlink()


def _remove_leftovers(path: Path) -> None:
    """Remove what nobody goes on with: of this store, and of others that nobody is making now."""
    from filelock import FileLock, Timeout

    if path.exists():
        shutil.rmtree(path)
    if not unfinished(part_of(path)):
        discard(part_of(path))
    for part in path.parent.glob(".*.part"):
        try:
            with FileLock(path.parent / f"{part.name[1:].removesuffix('.part')}.lock", timeout=0):
                # Whoever held the lock a moment ago may have finished.
                if part != part_of(path) and _given_up(part):
                    discard(part)
        except Timeout:
            continue


def _given_up(part: Path) -> bool:
    return not unfinished(part) or (part / JOURNAL).stat().st_mtime < time.time() - KEPT_SECONDS


def checksum_of(file: Path) -> str:
    """Hex SHA-256 of a file, read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _flush(file: Path) -> None:
    """Wait until a file is on the disk, lest a power failure leave a store of zeros under its final name."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())
