"""The images of a store, in files of a size that every file system takes; each file is written aside and renamed.

A row of the data set has its place from the beginning, so that processes may fill files in any order.

Images are read with pread, not through a memory map. Pages of a map that were looked at stay this process's memory,
after an epoch the whole store; giving them back after every batch takes twice the time of reading. And a file that is
cut short, or a disk that fails, is an error here, where a map ends the process with SIGBUS.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from attredit.errors import RunError
from attredit.files import into_place, to_disk

SHARD_BYTES = 2_000_000_000
"""No file of a store is larger, unless one image is."""

SHARD_ROWS = 256
"""Nor has it fewer images, unless it is the last one or there would be more files than `FILES`."""

FILES = 32
"""All of them are open while the store is: systems allow a process a few hundred."""

# More than what comes before the pixels in an .npy file of such a shape.
HEADER = 1024


def shards_of(images: int, image_bytes: int) -> list[range]:
    """The rows that each file of a store has."""
    most = max(1, (SHARD_BYTES - HEADER) // image_bytes)
    rows = min(most, max(SHARD_ROWS, math.ceil(images / FILES)))
    return [range(start, min(start + rows, images)) for start in range(0, images, rows)]


def name_of(rows: range) -> str:
    """The name of the file that has these rows; sorted by name they are in order."""
    return f"images-{rows.start:09d}.npy"


def header_of(shape: tuple[int, ...]) -> bytes:
    """What comes before the pixels, uint8, in an .npy file."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def write_whole(file: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file, which has its name not before all of it is on the disk, even should the power fail.

    Raises:
        OSError: the disk is full, or fails.
    """
    aside = file.with_name(f"{file.name}.part")
    with aside.open("wb") as written:
        written.writelines(pieces)
        to_disk(written)
    into_place(aside, file)


def memory_mapped(file: Path) -> np.memmap[Any, Any]:
    """A file as an array, memory-mapped.

    Raises:
        OSError, ValueError, TokenError, SyntaxError: it is missing, cut short or damaged.
    """
    # Not np.load, which takes a damaged file for a zip archive or a pickle. What is cut short is a ValueError, a header
    # that is no Python a TokenError or SyntaxError.
    return np.lib.format.open_memmap(file, "r")


class Images:
    """Images (N, H, W, C) uint8 in files, read like an array's first axis: by an index, a slice or an array of indices.

    What is read is a copy. `numpy.asarray` reads all of them.

    Args:
        files: Made by `write_shard`, one or more, in order.
        rows: (N,) int64 the places of those that are there.

    Raises:
        OSError, ValueError, TokenError, SyntaxError: as `opened` does, and where files do not belong together.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[Path], rows: np.ndarray) -> None:
        arrays = [memory_mapped(file) for file in files]
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
