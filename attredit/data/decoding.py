"""Decode rows of a source into the files of a store that is being made; used by every process that takes part."""

from __future__ import annotations

import errno
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from attredit.data.boxes import BOX, Box, box_of
from attredit.data.geometry import Geometry
from attredit.data.left_out import Broken
from attredit.data.shards import Places, Shards
from attredit.errors import AttrEditError, DataError, RunError

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.data.source import DataSource

# Images that are decoded together are in memory together, at their own size.
TOGETHER = 16


@dataclass(frozen=True)
class Job:
    """What a decoding process needs to know.

    Attributes:
        source: Where images come from.
        split: Which of its splits.
        name: The data set's name, for messages.
        geometry: Crop and size.
        shards: The files to write into, which have their full length already.
        needed: Bytes of the whole store, for messages.
    """

    source: DataSource
    split: str
    name: str
    geometry: Geometry
    shards: Shards
    needed: int

    @property
    def where(self) -> str:
        """For messages."""
        return f"split {self.split} of {self.name}"

    @property
    def home(self) -> Path:
        """The directory of all stores, for messages."""
        return self.shards.folder.parent


class Unwritable(RunError):
    """The disk is full, or does not take what is written."""


@contextmanager
def writing(place: Path, needed: int = 0) -> Iterator[None]:
    """The operating system's refusal to write, as one sentence.

    Args:
        place: Where, for the message.
        needed: Bytes that are needed, for the message; 0 when that is not the question.

    Raises:
        Unwritable: for any OSError within.
    """
    try:
        yield
    except OSError as error:
        size = f"; {needed / 1e6:,.1f} MB are needed" if needed else ""
        raise Unwritable(
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


class Done(NamedTuple):
    """A range of rows that is decoded and written.

    Attributes:
        start: Its first row.
        stop: The row after its last one.
        checksum: CRC-32 of its pixels.
        broken: Images in it that cannot be decoded; their places are zeros.
    """

    start: int
    stop: int
    checksum: int
    broken: tuple[Broken, ...] = ()

    @property
    def rows(self) -> range:
        """The range."""
        return range(self.start, self.stop)


class Decoder:
    """Decodes ranges of rows; a context manager that holds files open.

    Args:
        job: What to decode.
        rows: The split, where it is open already.

    Raises:
        DataError: the source cannot be read.
        RunError: the files cannot be opened.
    """

    def __init__(self, job: Job, rows: Dataset | None = None) -> None:
        self.job = job
        with reading(job.where):
            self.rows: Any = job.source.open(job.split) if rows is None else rows
        with writing(job.home):
            self.places = Places(job.shards)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.places.__exit__()

    def decode(self, rows: range) -> Done:
        """Decode a range of rows and write them.

        Raises:
            DataError: there are no images, or a file cannot be read; the message names its row and file.
            RunError: the disk cannot be written.
        """
        pixels = np.zeros((len(rows), *self.job.shards.shape[1:]), np.uint8)
        broken: list[Broken] = []
        with warnings.catch_warnings():
            # What PIL has to remark on an image that it decodes: whether one is broken is no matter of filters.
            warnings.filterwarnings("ignore", module="PIL")
            for start in range(0, len(rows), TOGETHER):
                broken += self._decode(rows[start : start + TOGETHER], pixels[start : start + TOGETHER])
        with writing(self.job.home, self.job.needed):
            self.places.write(rows, pixels)
        return Done(rows.start, rows.stop, zlib.crc32(pixels.data), tuple(broken))

    def _decode(self, rows: range, pixels: np.ndarray) -> list[Broken]:
        """Fill in the pixels of a few rows; those that cannot be decoded."""
        try:
            self._fill(rows, pixels)
            return []
        except _NoColumn:
            raise
        except Exception:
            # One broken image spoils the reading of those around it: find it.
            found = [self._decode_one(row, pixels[i : i + 1]) for i, row in enumerate(rows)]
            return [broken for broken in found if broken is not None]

    def _decode_one(self, row: int, pixels: np.ndarray) -> Broken | None:
        try:
            self._fill(range(row, row + 1), pixels)
        except MemoryError:
            raise
        except Exception as error:
            pixels[:] = 0
            broken = Broken(row, _file_of(self.rows, row), _reason(error))
            if _is_of_the_system(error):
                raise DataError(
                    f"Image {row} of {self.job.where}{f' ({broken.file})' if broken.file else ''} cannot be read: "
                    f"{broken.reason}.",
                    "Make it readable, or remove it; what was decoded before is kept.",
                ) from error
            return broken
        return None

    def _fill(self, rows: range, pixels: np.ndarray) -> None:
        batch: dict[str, Sequence[Any]] = self.rows[rows.start : rows.stop]
        needed = ["image", BOX] if self.job.geometry.crop == "box" else ["image"]
        for column in needed:
            if column not in batch:
                raise _NoColumn(
                    f"There is no column {column} in {self.job.where}.", f"Its columns: {', '.join(batch)}."
                )
        boxes = batch[BOX] if BOX in needed else [None] * len(rows)
        for place, image, box in zip(pixels, batch["image"], boxes, strict=True):
            place[:] = as_pixels(image, self.job.geometry, box)


class _NoColumn(DataError):
    """Not one image is broken, but all of them, or their boxes, are missing."""


def _is_of_the_system(error: Exception) -> bool:
    """Whether the file could not be read at all, which may be another matter next time.

    Decoders have no error number for what they cannot decode, but may seek to where a broken file sends them (EINVAL).
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


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
