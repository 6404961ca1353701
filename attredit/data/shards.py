"""The images of a store, in files of a size that every file system takes.

A row of the data set has its place from the beginning, so that processes may fill places in any order.

Images are read with pread, not through a memory map. Pages of a map that were looked at stay this process's memory,
after an epoch the whole store; giving them back after every batch takes twice the time of reading. And a file that is
cut short, or a disk that fails, is an error here, where a map ends the process with SIGBUS.
"""

from __future__ import annotations

import math
import os
import weakref
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from tokenize import TokenError
from typing import Any, Self

import numpy as np

from attredit.errors import RunError

SHARD_BYTES = 2_000_000_000
"""No file of a store is larger, unless one image is."""

# More than what comes before the pixels in an .npy file of such a shape.
HEADER = 1024


@dataclass(frozen=True)
class Shards:
    """Where the places of images are.

    Attributes:
        folder: Where the files are.
        shape: (N, H, W, C) of all images.
        rows: How many images a file has; the last one may have fewer.
    """

    folder: Path
    shape: tuple[int, int, int, int]
    rows: int

    @classmethod
    def of(cls, folder: Path, shape: tuple[int, int, int, int]) -> Shards:
        """As many images in a file as `SHARD_BYTES` allows."""
        return cls(folder, shape, max(1, (SHARD_BYTES - HEADER) // math.prod(shape[1:])))

    @property
    def files(self) -> list[Path]:
        """All of them, in the order of their images."""
        return [self.folder / name for name in names_of(math.ceil(self.shape[0] / self.rows))]

    @property
    def image_bytes(self) -> int:
        """What one image takes."""
        return math.prod(self.shape[1:])

    def create(self) -> None:
        """Make the files at their full length; those that are there already, of that length, keep their content.

        Raises:
            OSError: there is no room for them.
        """
        for number, file in enumerate(self.files):
            shape = (min(self.rows, self.shape[0] - number * self.rows), *self.shape[1:])
            if _shape_in(file) == shape:
                continue
            np.lib.format.open_memmap(file, "w+", np.uint8, shape)
            if hasattr(os, "posix_fallocate"):
                # Taken now: better no start than an end after an hour because another program filled the disk.
                with file.open("r+b") as opened:
                    os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)


def names_of(files: int) -> list[str]:
    """Names of so many files."""
    return [f"images-{number:03d}.npy" for number in range(files)]


def opened(file: Path) -> np.memmap[Any, Any]:
    """A file as an array, memory-mapped.

    Raises:
        OSError, ValueError, TokenError, SyntaxError: it is missing, cut short or damaged.
    """
    # Not np.load, which takes a damaged file for a zip archive or a pickle. What is cut short is a ValueError, a header
    # that is no Python a TokenError or SyntaxError.
    return np.lib.format.open_memmap(file, "r")


def _shape_in(file: Path) -> tuple[int, ...] | None:
    """The shape of the array in a file; None where it is no whole one."""
    try:
        return tuple(opened(file).shape)
    except (OSError, ValueError, TokenError, SyntaxError):
        return None


class Places:
    """The files of a store that is being made, open to be filled; a context manager.

    Args:
        shards: Files that exist.

    Raises:
        OSError: they cannot be opened.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._offsets = [opened(file).offset for file in shards.files]
        self._files = [file.open("r+b", buffering=0) for file in shards.files]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def write(self, rows: range, pixels: np.ndarray) -> None:
        """Write (B, H, W, C) uint8 to the places of these rows.

        Raises:
            OSError: the disk is full, or fails.
        """
        # Not through a memory map: on a full disk that ends in SIGBUS, where a write says what is wrong.
        for file, own in self._seek(rows):
            content = np.ascontiguousarray(pixels[own.start - rows.start : own.stop - rows.start]).data.cast("B")
            while content:
                content = content[file.write(content) :]

    def checksum(self, rows: range) -> int:
        """CRC-32 of what lies in the places of these rows.

        Raises:
            OSError: the disk fails.
        """
        found = 0
        for file, own in self._seek(rows):
            found = zlib.crc32(file.read(len(own) * self._shards.image_bytes), found)
        return found

    def _seek(self, rows: range) -> Iterator[tuple[FileIO, range]]:
        """Each file that has some of the rows, at the first of them."""
        each, size = self._shards.rows, self._shards.image_bytes
        for number in range(rows.start // each, math.ceil(rows.stop / each)):
            own = range(max(rows.start, number * each), min(rows.stop, (number + 1) * each))
            self._files[number].seek(self._offsets[number] + own.start % each * size)
            yield self._files[number], own


class Images:
    """Images (N, H, W, C) uint8 in files, read like an array's first axis: by an index, a slice or an array of indices.

    What is read is a copy. `numpy.asarray` reads all of them.

    Args:
        files: Made by `Shards`, one or more.
        rows: (N,) int64 the places of those that are there.

    Raises:
        OSError, ValueError, TokenError, SyntaxError: as `opened` does, and where files do not belong together.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[Path], rows: np.ndarray) -> None:
        arrays = [opened(file) for file in files]
        self._files, self._rows, self._each = files, rows, len(arrays[0])
        self.shape: tuple[int, ...] = (len(rows), *arrays[0].shape[1:])
        self.places = sum(map(len, arrays))
        alike = [(len(array), *array.shape[1:]) == arrays[0].shape for array in arrays[:-1]]
        if not all(alike) or any((a.shape[1:], a.dtype) != (self.shape[1:], self.dtype) for a in arrays):
            raise ValueError("files of different stores")
        self._offsets = [array.offset for array in arrays]
        self._opened = [os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0)) for file in files]
        weakref.finalize(self, _close, self._opened)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        places = self._rows[index]
        found = np.empty((*np.shape(places), *self.shape[1:]), np.uint8)
        flat, size = found.reshape(-1), math.prod(self.shape[1:])
        for start, place in zip(range(0, found.size, size), np.ravel(places).tolist(), strict=True):
            number, row = divmod(place, self._each)
            into = flat[start : start + size].data
            if _read_at(self._opened[number], into, self._offsets[number] + row * size) != size:
                raise RunError(
                    f"{self._files[number]} was cut short while it was in use.", "Start again: it is made anew."
                )
        return found

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Images in files cannot be an array without being copied.")
        return np.asarray(self[:], dtype)


def _read_at(descriptor: int, into: memoryview, offset: int) -> int:
    """Fill a buffer from a place in a file; returns how many bytes there were."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [into], offset)
    # Windows. Moving to the place first is safe there: no forked process shares it.
    os.lseek(descriptor, offset, os.SEEK_SET)
    found = os.read(descriptor, len(into))
    into[: len(found)] = found
    return len(found)


def _close(opened_files: Sequence[int]) -> None:
    for file in opened_files:
        os.close(file)
