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
from rich.filesize import decimal

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

    with writing(path.parent):
        held = FileLock(f"{path}.lock").acquire()
    with held:
        yield


@dataclass(frozen=True)
class Making(Decoding):
    """A store that is to be made; how many images it has, and what is white in them, is found out.

    Attributes:
        path: The store's directory.
        fingerprint: See `attredit.data.store.fingerprint_of`.
    """

    path: Path
    fingerprint: str

    def make(self, workers: int | None, progress: Progress | None) -> None:
        """Make it, or go on with what a killed process left. Called under its lock.

        Raises:
            DataError: images or labels that are broken or cannot be read.
            RunError: the cache cannot be written or is full, or a worker died.
        """
        with writing(self.home):
            _remove_leftovers(self.path)
        with reading(self.where):
            rows = self.source.open(self.split)
            labels = read_labels(rows, self.source.schema, self.where)
            known = replace(self, geometry=self._looked_at(rows), images=len(labels))
        try:
            with writing(self.home, known.needed):
                known._begin(labels)
            broken = known._decode(rows, workers, progress)
            with writing(self.home, known.needed):
                known._finish(broken)
        except (Unwritable, Unusable):
            # A full disk needs the space. What cannot be removed now, the next one to make a store removes.
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _looked_at(self, rows: Dataset) -> Geometry:
        """Told what is white in images of more than 8 bits, unless it knows."""
        if self.geometry.white is not None:
            return self.geometry
        whites = whites_among(rows)
        if said := remark(whites):
            warnings.warn(f"Images of {self.where} have {said}.", DataWarning, stacklevel=2)
        return replace(self.geometry, white=whites[-1] if whites else None)

    def _decode(self, rows: Dataset, workers: int | None, progress: Progress | None) -> list[BrokenImage]:
        """Decode the shards that are not done yet; all images that cannot be."""
        told, finished = progress or silent, [self.done(rows) for rows in self.shards]
        todo = [rows for rows, done in zip(self.shards, finished, strict=True) if done is None]
        count, broken = 0, list[BrokenImage]()
        # Closed, so that workers have ended before their files are removed: as long as they hold them, they take
        # their space.
        with closing(decode_all(ShardDecoder(self, rows), todo, workers)) as results:
            for done in chain(filter(None, finished), results):
                broken += done.broken
                require_half(broken, self.images, self.where)
                count += len(done.rows)
                told(count, self.images)
        assert count == self.images, "rows were left out without being told"
        return sorted(broken)

    def _begin(self, labels: np.ndarray) -> None:
        """Write the labels, which are quick, if there is room for the images."""
        part, like = self.folder, json.dumps(asdict(self.geometry)).encode()
        if (part / GEOMETRY).exists() and (part / GEOMETRY).read_bytes() != like:
            discard(part)
        part.mkdir(exist_ok=True)
        free = shutil.disk_usage(part).free + sum(file.stat().st_size for file in part.iterdir())
        if free < self.needed:
            raise OSError(f"only {decimal(free)} are free")
        content = BytesIO()
        np.save(content, labels)
        write_whole(part / LABELS, [content.getbuffer()])
        write_whole(part / GEOMETRY, [like])

    def _finish(self, broken: Sequence[BrokenImage]) -> None:
        """Write what else a store has, and give it its name."""
        part = self.folder
        write_whole(part / BROKEN, [broken_json(broken)])
        files = [*map(name_of, self.shards), LABELS, BROKEN]
        meta = {
            "format": FORMAT,
            "name": self.name,
            "split": self.split,
            "images": self.images - len(broken),
            "fingerprint": self.fingerprint,
            "geometry": asdict(self.geometry),
            "schema": self.source.schema.to_json(),
            "checksums": {file: checksum_of(part / file) for file in files},
        }
        write_whole(part / META, [json.dumps(meta, indent=2).encode()])
        for file in {*part.iterdir()} - {part / name for name in [*files, META]}:
            file.unlink()
        part.rename(self.path)


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
