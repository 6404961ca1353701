"""Makes a store: under another name, shard by shard, and at last by one rename.

So a process that is killed leaves nothing that looks finished, and the next one goes on with the shards that are.
"""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attredit.data.decoding import Decoding, ShardDecoder, Unwritable, reading, whites_among, writing
from attredit.data.geometry import Geometry
from attredit.data.labels import read_labels
from attredit.data.left_out import BrokenImage, Unusable, broken_json, require_half
from attredit.data.pixels import remark
from attredit.data.shards import name_of, write_whole
from attredit.data.workers import decode_all
from attredit.errors import DataWarning
from attredit.files import checksum_of
from attredit.progress import Progress, silent

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.data.source import DataSource

FORMAT = 4

META, LABELS, BROKEN = "meta.json", "labels.npy", "broken.json"
GEOMETRY = "geometry.json"
"""Of a store that is not finished: how its shards were made."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long an unfinished store waits for somebody to go on with it."""


def part_of(path: Path) -> Path:
    """Where a store is made."""
    return path.with_name(f".{path.name}.part")


def discard(path: Path) -> None:
    """Remove a directory, if there is one; under a name that nobody takes for a store or goes on with.

    Raises:
        OSError: it cannot be removed.
    """
    gone = path.with_suffix(".gone")
    if gone.exists():
        shutil.rmtree(gone)
    if path.exists():
        path.rename(gone)
        shutil.rmtree(gone)


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
            geometry = self._looked_at(rows)
        job = Decoding(self.source, self.split, self.name, geometry, part, len(labels))
        try:
            with writing(part.parent, job.needed):
                _begin(job, labels)
            broken = self._decode(job, rows, workers, progress)
            with writing(part.parent, job.needed):
                self._finish(job, broken)
        except (Unwritable, Unusable):
            # A full disk needs the space. What cannot be removed now, the next one to make a store removes.
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _looked_at(self, rows: Dataset) -> Geometry:
        """Told what is white in images of more than 8 bits, unless it knows."""
        if self.geometry.white is not None:
            return self.geometry
        whites = whites_among(rows)
        if said := remark(whites):
            warnings.warn(f"Images of {self.where} have {said}.", DataWarning, stacklevel=2)
        return replace(self.geometry, white=whites[-1] if whites else None)

    def _decode(
        self, job: Decoding, rows: Dataset, workers: int | None, progress: Progress | None
    ) -> list[BrokenImage]:
        """Decode the shards that are not done yet; all images that cannot be."""
        told, finished = progress or silent, [job.done(rows) for rows in job.shards]
        todo = [rows for rows, done in zip(job.shards, finished, strict=True) if done is None]
        count, broken = 0, list[BrokenImage]()
        # Closed, so that workers have ended before their files are removed: as long as they hold them, they take
        # their space.
        with closing(decode_all(ShardDecoder(job, rows), todo, workers)) as results:
            for done in chain(filter(None, finished), results):
                broken += done.broken
                require_half(broken, job.images, self.where)
                count += len(done.rows)
                told(count, job.images)
        assert count == job.images, "rows were left out without being told"
        return sorted(broken)

    def _finish(self, job: Decoding, broken: Sequence[BrokenImage]) -> None:
        """Write what else a store has, and give it its name."""
        part = job.folder
        write_whole(part / BROKEN, [broken_json(broken)])
        files = [*map(name_of, job.shards), LABELS, BROKEN]
        meta = {
            "format": FORMAT,
            "name": self.name,
            "split": self.split,
            "images": job.images - len(broken),
            "fingerprint": self.fingerprint,
            "geometry": asdict(job.geometry),
            "schema": self.source.schema.to_json(),
            "checksums": {file: checksum_of(part / file) for file in files},
        }
        write_whole(part / META, [json.dumps(meta, indent=2).encode()])
        for file in {*part.iterdir()} - {part / name for name in [*files, META]}:
            file.unlink()
        part.rename(self.path)


def _begin(job: Decoding, labels: np.ndarray) -> None:
    """Write the labels, which are quick, if there is room for the images."""
    part, like = job.folder, json.dumps(asdict(job.geometry)).encode()
    if (part / GEOMETRY).exists() and (part / GEOMETRY).read_bytes() != like:
        discard(part)
    part.mkdir(exist_ok=True)
    free = shutil.disk_usage(part).free + sum(file.stat().st_size for file in part.iterdir())
    if free < job.needed:
        raise OSError(f"only {free / 1e6:,.1f} MB are free")
    content = BytesIO()
    np.save(content, labels)
    write_whole(part / LABELS, [content.getbuffer()])
    write_whole(part / GEOMETRY, [like])


def _remove_leftovers(path: Path) -> None:
    """Remove what nobody goes on with: of this store, and of others that nobody is making now."""
    from filelock import FileLock, Timeout

    discard(path)
    for left in [*path.parent.glob("*.part"), *path.parent.glob("*.gone")]:
        try:
            with FileLock(path.parent / f"{left.stem.removeprefix('.')}.lock", timeout=0):
                # Whoever held the lock a moment ago may have finished.
                if left.exists() and (left.suffix == ".gone" or left.stat().st_mtime < time.time() - KEPT_SECONDS):
                    discard(left)
        except Timeout:
            continue
