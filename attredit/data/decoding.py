"""Decode rows of a source into a file of the store that is being made; used by every process that takes part."""

from __future__ import annotations

import errno
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.filesize import decimal

from attredit.data.boxes import BOX, Box, box_of
from attredit.data.geometry import Geometry
from attredit.data.left_out import BrokenImage, broken_json, read_broken
from attredit.data.pixels import whites_in
from attredit.data.shards import header_of, name_of, shards_of, write_whole
from attredit.errors import AttrEditError, DataError, RunError

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.data.source import DataSource

# Images that are decoded together are in memory together, at their own size.
TOGETHER = 16

# Images whose range is looked at before any is decoded.
_LOOKED_AT = 64


class Done(NamedTuple):
    """A shard that is written.

    Attributes:
        rows: Of the source.
        broken: Those of them that cannot be decoded; their places are zeros.
    """

    rows: range
    broken: tuple[BrokenImage, ...] = ()


@dataclass(frozen=True)
class Decoding:
    """What a decoding process needs to know.

    Attributes:
        source: Where images come from.
        split: Which of its splits.
        name: The data set's name, for messages.
        geometry: Crop and size.
        folder: Where the files are.
        images: How many the split has.
    """

    source: DataSource
    split: str
    name: str
    geometry: Geometry
    folder: Path
    images: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.geometry.size, self.geometry.size, self.geometry.channels

    @property
    def needed(self) -> int:
        """Bytes of all images."""
        return self.images * math.prod(self.image_shape)

    @property
    def shards(self) -> list[range]:
        """The rows of each file."""
        return shards_of(self.images, math.prod(self.image_shape))

    def file(self, rows: range) -> Path:
        """The file of a shard."""
        return self.folder / name_of(rows)

    def listing(self, rows: range) -> Path:
        """The file of its broken images, if there are any; until the store is finished."""
        return self.file(rows).with_suffix(".json")

    def done(self, rows: range) -> Done | None:
        """What became of a shard; None before it is written."""
        if not self.file(rows).exists():
            return None
        listing = self.listing(rows)
        return Done(rows, read_broken(listing) if listing.exists() else ())

    @property
    def where(self) -> str:
        """For messages."""
        return f"split {self.split} of {self.name}"

    @property
    def home(self) -> Path:
        """The directory of all stores, for messages."""
        return self.folder.parent


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
        size = f"; {decimal(needed)} are needed" if needed else ""
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


class ShardDecoder:
    """Decodes shards.

    Args:
        job: What to decode.
        rows: The split, where it is open already.

    Raises:
        DataError: the source cannot be read.
    """

    def __init__(self, job: Decoding, rows: Dataset | None = None) -> None:
        self.job = job
        with reading(job.where):
            self.rows: Any = stored(job.source.open(job.split) if rows is None else rows)

    def decode(self, rows: range) -> Done:
        """Decode the rows of a shard and write it.

        Raises:
            DataError: there are no images, or a file cannot be read; the message names its row and file.
            RunError: the disk cannot be written.
        """
        with writing(self.job.home, self.job.needed):
            broken: list[BrokenImage] = []
            write_whole(self.job.file(rows), self._pieces(rows, broken))
        return Done(rows, tuple(broken))

    def _pieces(self, rows: range, broken: list[BrokenImage]) -> Iterator[bytes | memoryview]:
        """What the file of a shard has; images that cannot be decoded are added to `broken`."""
        yield header_of((len(rows), *self.job.image_shape))
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            pixels = np.zeros((len(some), *self.job.image_shape), np.uint8)
            with reading(self.job.where), _without_remarks():
                broken += self._decode(some, pixels)
            yield pixels.data
        if broken:
            write_whole(self.job.listing(rows), [broken_json(broken)])

    def _decode(self, rows: range, pixels: np.ndarray) -> list[BrokenImage]:
        """Fill in the pixels of a few rows; those that cannot be decoded."""
        try:
            self._fill(rows, pixels)
            return []
        except _NoColumn:
            raise
        except Exception:
            # One broken image spoils the reading of those around it: find it.
            pixels[:] = 0
            found = [self._decode_one(row, pixels[i : i + 1]) for i, row in enumerate(rows)]
            return [broken for broken in found if broken is not None]

    def _decode_one(self, row: int, pixels: np.ndarray) -> BrokenImage | None:
        try:
            self._fill(range(row, row + 1), pixels)
        except MemoryError:
            raise
        except Exception as error:
            pixels[:] = 0
            broken = BrokenImage(row, _file_of(self.rows, row), _reason(error))
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
        found = getattr(self.job.source, "frame", None)
        boxes = batch[BOX] if BOX in needed else [found] * len(rows)
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
    """(size, size, C) uint8.

    Args:
        image: See `attredit.data.pixels.colours_of`; or nested lists.
        geometry: Crop and size.
        box: Left, top, width and height of the image's box, for the crop ``box`` alone; or what finds its frame.

    Raises:
        DataError: it is None; or its box is none, or lies outside; or no frame is found.
        OSError, SyntaxError, ValueError, OverflowError, UsageError: it is no image.
    """
    if image is None:
        raise DataError("it is missing")
    around = box if callable(box) else _around(box) if geometry.crop == "box" else None
    if isinstance(image, list):
        # What `datasets` makes of columns of arrays; what is beyond overflows, and is refused.
        image = np.asarray(image, np.uint8 if geometry.white is None else np.uint16)
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2:] == (geometry.channels,):
        height, width = image.shape[:2]
        if not callable(around) and geometry.keeps(width, height, around):
            return image
    array = np.asarray(geometry.apply(image, around))
    return array[..., None] if array.ndim == 2 else array


def stored(rows: Dataset) -> Any:
    """Rows with images as they lie in files, where they do: they are decoded here, as for editing."""
    from datasets import Image

    feature = rows.features.get("image")
    if rows.format["type"] is not None or not isinstance(feature, Image) or feature.mode is not None:
        return rows
    return rows.cast_column("image", Image(decode=False))


def whites_among(rows: Dataset) -> list[float]:
    """What is white in some images of a split, evenly spread, see `whites_in`."""
    found = stored(rows)
    if found.format["type"] is not None:
        # A source that draws images, or decodes its own, knows what it does.
        return []
    places = np.unique(np.linspace(0, len(found) - 1, min(_LOOKED_AT, len(found))).astype(np.int64))
    with _without_remarks():
        return whites_in(found.select(places)["image"][:]) if "image" in found.features else []


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Of PIL, on an image that it decodes: whether one is broken is no matter of filters."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


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
