"""The prepared store: every image decoded and resized once, in files that batches are read from.

A store is a directory in the user's cache, named after what it holds. It is found again, or made (`making.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data.decoding import reading, writing
from attredit.data.geometry import Geometry
from attredit.data.left_out import BrokenImage, read_broken, tell_broken
from attredit.data.making import BROKEN, FORMAT, LABELS, META, Making, locked, part_of
from attredit.data.shards import Images, memory_mapped
from attredit.errors import AttrEditError, DataError, RunError
from attredit.files import expanded, from_json
from attredit.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from attredit.data.source import DataSource


def cache_dir() -> Path:
    """Where prepared data and judges live: ``ATTREDIT_CACHE``, or the platform's cache directory.

    Raises:
        RunError: it is in a home directory, and there is none, as in a container whose user nobody knows.
    """
    if override := os.environ.get("ATTREDIT_CACHE"):
        return expanded(override)
    import platformdirs

    try:
        found = Path(platformdirs.user_cache_dir("attredit"))
    except RuntimeError:
        found = Path("~")
    if not found.is_absolute():  # as some versions of platformdirs have it
        raise RunError(
            "There is no home directory to keep prepared data in.",
            "Name a place with the environment variable ATTREDIT_CACHE.",
        )
    return found


@dataclass(frozen=True)
class Store:
    """A split, ready for training.

    Attributes:
        path: Its directory.
        name: The data set's.
        schema: Every attribute of the source.
        geometry: How its images were cropped and resized.
        fingerprint: Identifies images, labels and geometry.
        images: (N, H, W, C) uint8, read from files when they are asked for.
        labels: (N, n) int16, columns in schema order; `attredit.attributes.MISSING` where there is none.
        broken: Images of the source that are not here, because they cannot be decoded.
    """

    path: Path
    name: str
    schema: AttributeSchema
    geometry: Geometry
    fingerprint: str
    images: Images | np.ndarray
    labels: np.ndarray
    broken: tuple[BrokenImage, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def rows(self) -> np.ndarray:
        """(N,) int64: which row of the source's split each image is."""
        places = np.arange(len(self) + len(self.broken))
        return np.delete(places, [image.row for image in self.broken])

    def batch(self, indices: np.ndarray) -> Tensor:
        """(B, C, H, W) uint8 in channels_last layout: a view of the gathered images, no further copy."""
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
    strict: bool = False,
) -> Store:
    """The store of a split, made now unless it exists; a `DataWarning` lists images that cannot be decoded.

    Several processes may ask at once: one makes it, the others wait for it. What a killed one has decoded is not
    decoded again.

    Args:
        source: Where images and labels come from.
        split: One of the source's splits.
        geometry: Crop and size.
        name: The data set's name, for messages and the directory's name.
        workers: Processes that decode; 1 for this one alone. When None, as many as there are cores, if the time that
            the first images took says that they are worth starting. A source whose class is defined in the script that
            runs is always read by this process, because others cannot import it.
        progress: Told of (images done, images in all), in this process.
        strict: Make an error of an image that cannot be decoded.

    Raises:
        DataError: no such split, no images, files that cannot be read, broken labels; more than half of the images
            broken, or in strict mode any.
        RunError: the cache cannot be written or is full, or a worker died.
    """
    with reading(f"split {split} of {name}"):
        if split not in source.splits:
            raise DataError(f"{name} has no split {split!r}.", f"It has {', '.join(source.splits)}.")
        fingerprint = fingerprint_of(source, split, geometry)
    home = cache_dir() / "stores"
    # Names may be full ids, plugin/name.
    path = home / f"{re.sub('[^A-Za-z0-9_]+', '-', name)}-{split}-{geometry.size}-{fingerprint}"
    making = Making(source, split, name, geometry, part_of(path), 0, path, fingerprint)
    if (store := _existing(making)) is None:
        store = _made(making, workers, progress)
    tell_broken(store.broken, len(store.rows) + len(store.broken), f"split {split} of {name}", path / BROKEN, strict)
    return store


def _existing(making: Making) -> Store | None:
    """A store that is used now."""
    store = read_store(making.path, making.fingerprint)
    # What was looked at once may be known otherwise from the split that a model was trained on.
    if store is None or making.geometry.white not in (None, store.geometry.white):
        return None
    # The directory's time of change says when it was last used. A cache that cannot be written to is never cleared.
    with suppress(OSError):
        os.utime(making.path)
    return store


def _made(making: Making, workers: int | None, progress: Progress | None) -> Store:
    """A store that is made now, unless somebody else was quicker."""
    with writing(making.home):
        making.home.mkdir(parents=True, exist_ok=True)
    with locked(making.path):
        if (store := _existing(making)) is None:
            making.make(workers, progress)
            store = read_store(making.path, making.fingerprint)
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
        more = f", {len(store.broken):,} more cannot be decoded ({store.path / BROKEN})" if store.broken else ""
        for label, value in enumerate(store.schema.attributes[column].values):
            if not (labels == label).any():
                raise DataError(
                    f"Attribute {name} has no example with value {value} among {len(labels)} images{more}.",
                    "Editing and balancing need examples of every value: choose another attribute or more data.",
                )


def fingerprint_of(source: DataSource, split: str, geometry: Geometry) -> str:
    """Hex digest of a split's images, labels and geometry, which a store of them has too; nothing is decoded."""
    # What is white is looked up in the images.
    parts = [FORMAT, source.fingerprint(split), asdict(replace(geometry, white=None)), source.schema.to_json()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def read_store(path: Path, fingerprint: str) -> Store | None:
    """A complete store, or None: one whose files are damaged or do not fit together is made again."""
    try:
        meta = from_json((path / META).read_text("utf-8"))
        geometry, schema = Geometry(**meta["geometry"]), AttributeSchema.from_json(meta["schema"])
        broken, labels = read_broken(path / BROKEN), memory_mapped(path / LABELS)
        kept = np.delete(np.arange(len(labels)), [image.row for image in broken])
        recorded = sorted(meta["checksums"])
        images = Images([path / name for name in recorded if name not in (LABELS, BROKEN)], kept)
        n, name, known_as = meta["images"], meta["name"], meta["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, TokenError, SyntaxError, AttrEditError):
        return None
    shape = (n, geometry.size, geometry.size, geometry.channels)
    if (images.shape, images.places, known_as) != (shape, len(labels), fingerprint):
        return None
    if (labels.shape[1:], labels.dtype) != ((len(schema),), np.int16) or not {LABELS, BROKEN}.issubset(recorded):
        return None
    return Store(path, name, schema, geometry, fingerprint, images, np.array(labels)[kept], broken)
