"""Decode rows of a source into the file of a store that is being made; used by every process that takes part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from attredit.data.boxes import BOX, Box, box_of
from attredit.data.geometry import Geometry
from attredit.errors import AttrEditError, DataError, RunError

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.interfaces import DataSource


@dataclass(frozen=True)
class Job:
    """What a decoding process needs to know.

    Attributes:
        source: Where images come from.
        split: Which of its splits.
        name: The data set's name, for messages.
        geometry: Crop and size.
        file: The images.npy to write into, which has its full length already.
        offset: Where in it the first image begins, in bytes.
        needed: Bytes of the whole store, for messages.
    """

    source: DataSource
    split: str
    name: str
    geometry: Geometry
    file: Path
    offset: int
    needed: int

    @property
    def where(self) -> str:
        """For messages."""
        return f"split {self.split} of {self.name}"

    @property
    def home(self) -> Path:
        """The directory of all stores, for messages."""
        return self.file.parent.parent


@contextmanager
def writing(place: Path, needed: int = 0) -> Iterator[None]:
    """The operating system's refusal to write, as one sentence.

    Args:
        place: Where, for the message.
        needed: Bytes that are needed, for the message; 0 when that is not the question.

    Raises:
        RunError: for any OSError within.
    """
    try:
        yield
    except OSError as error:
        size = f"; {needed / 1e6:,.1f} MB are needed" if needed else ""
        raise RunError(
            f"Cannot write prepared images below {place}: {error.strerror or error}{size}.",
            "Make room, or name another place with the environment variable ATTREDIT_CACHE.",
        ) from error


@contextmanager
def reading(where: str) -> Iterator[None]:
    """The operating system's refusal to read a source, as one sentence; never to be taken for one to write.

    Args:
        where: "split train of celeba", for the message.

    Raises:
        DataError: for any OSError within.
    """
    try:
        yield
    except OSError as error:
        file = f" ({error.filename})" if error.filename else ""
        raise DataError(
            f"Cannot read {where}: {_reason(error)}{file}.", "Make sure that its files are there and can be read."
        ) from error


class Decoder:
    """Decodes ranges of rows; a context manager that holds the file open.

    Args:
        job: What to decode.
        rows: The split, where it is open already.

    Raises:
        DataError: the source cannot be read.
        RunError: the file cannot be opened.
    """

    def __init__(self, job: Job, rows: Dataset | None = None) -> None:
        self.job = job
        with reading(job.where):
            self.rows: Any = job.source.open(job.split) if rows is None else rows
        with writing(job.home):
            # Not through a memory map: on a full disk that ends in SIGBUS, where a write says what is wrong.
            self._file = job.file.open("r+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def decode(self, rows: range) -> int:
        """Decode a range of rows and write them; returns how many.

        Raises:
            DataError: an image is missing or cannot be read; the message names its row and file.
            RunError: the file cannot be written.
        """
        pixels = memoryview(self._read(rows).tobytes())
        each = len(pixels) // len(rows)
        with writing(self.job.home, self.job.needed):
            self._file.seek(self.job.offset + rows.start * each)
            while pixels:
                pixels = pixels[self._file.write(pixels) :]
        return len(rows)

    def _read(self, rows: range) -> np.ndarray:
        try:
            return np.stack([as_pixels(image, self.job.geometry, box) for image, box in self._images(rows)])
        except Exception:
            # One broken image spoils the reading of its whole range: find it.
            for row in rows:
                self._check(row)
            raise

    def _images(self, rows: range) -> Sequence[tuple[Any, Any]]:
        """Images and what is said of their boxes, None where the crop needs none."""
        batch: dict[str, Sequence[Any]] = self.rows[rows.start : rows.stop]
        needed = ["image", BOX] if self.job.geometry.crop == "box" else ["image"]
        for column in needed:
            if column not in batch:
                raise DataError(
                    f"There is no column {column} in {self.job.where}.", f"Its columns: {', '.join(batch)}."
                )
        return list(zip(batch["image"], batch[BOX] if BOX in needed else [None] * len(rows), strict=True))

    def _check(self, row: int) -> None:
        """Raise a DataError that names the image, if it cannot be read."""
        try:
            image, box = self._images(range(row, row + 1))[0]
        except AttrEditError:
            raise
        except Exception as error:
            raise self._unreadable(row, error) from error
        try:
            as_pixels(image, self.job.geometry, box)
        except Exception as error:
            raise self._unreadable(row, error) from error

    def _unreadable(self, row: int, error: Exception) -> DataError:
        file = _file_of(self.rows, row)
        return DataError(
            f"Image {row} of {self.job.where}{f' ({file})' if file else ''} cannot be read: {_reason(error)}.",
            "Replace or remove it.",
        )


def as_pixels(image: Any, geometry: Geometry, box: Any = None) -> np.ndarray:
    """(size, size, C) uint8 from a PIL image, or from an array or nested list (H, W) or (H, W, C).

    Args:
        image: The image.
        geometry: Crop and size.
        box: Left, top, width and height of the image's box, for the crop ``box`` alone.

    Raises:
        DataError: it is None, or an array that is no image; or its box is none, or lies outside.
    """
    from PIL import Image

    if image is None:
        raise DataError("it is missing")
    around = _around(box) if geometry.crop == "box" else None
    if not isinstance(image, Image.Image):
        # Lists are what `datasets` makes of array columns; those that are not 0 to 255 overflow, and are refused.
        array = np.asarray(image, np.uint8) if isinstance(image, list) else np.asarray(image)
        if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3):
            raise DataError(f"an array of {array.dtype} {array.shape} is no image, uint8 (H, W, C) is")
        height, width = array.shape[:2]
        if (
            array.dtype == np.uint8
            and array.shape[2:] == (geometry.channels,)
            and geometry.keeps(width, height, around)
        ):
            return array
        image = Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array)
    array = np.asarray(geometry.apply(image, around))
    return array[..., None] if array.ndim == 2 else array


def _around(box: Any) -> Box:
    found = box_of(box)
    if isinstance(found, str):
        raise DataError(f"it has {found}")
    return found


def _file_of(rows: Any, row: int) -> str:
    """The image's file, where the data set knows it."""
    from datasets import Image

    stored = rows.with_format(None)
    if not isinstance(stored.features.get("image"), Image):
        return ""
    encoded = stored.select_columns(["image"]).cast_column("image", Image(decode=False))[row]["image"]
    return (encoded or {}).get("path") or ""


def _reason(error: Exception) -> str:
    """An error as part of a sentence."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "it is no image"
    if isinstance(error, AttrEditError):
        return error.message.rstrip(".")
    if isinstance(error, OSError | ValueError | SyntaxError) and str(error):
        return (getattr(error, "strerror", None) or str(error)).rstrip(".")
    # Broken files make decoders raise anything.
    return f"{type(error).__name__}: {error}".rstrip(": ")
