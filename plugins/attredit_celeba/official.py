"""Images beside text files: CelebA as its authors or Kaggle give it out, and CelebA-HQ as CelebAMask-HQ labels it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

import numpy as np

from attredit.data import BOX, no_boxes, split_of
from attredit.errors import DataError
from attredit_celeba.tables import (
    SPLITS,
    Attributes,
    read_attributes,
    read_boxes,
    read_names,
    read_originals,
    read_partition,
    read_persons,
)

if TYPE_CHECKING:
    from datasets import Dataset

ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
IMAGES = "img_align_celeba"
WILD_IMAGES = "img_celeba"
BOXES = "list_bbox_celeba.txt"
IDENTITIES = "identity_CelebA.txt"
HQ_ATTRIBUTES = "CelebAMask-HQ-attribute-anno.txt"
HQ_IMAGES = "CelebA-HQ-img"
HQ_ORIGINALS = "CelebA-HQ-to-CelebA-mapping.txt"


class Official:
    """CelebA or CelebA-HQ, images beside text files.

    What a prepared store asks for (names, splits, fingerprint) needs no label parsed; labels are read and checked when
    a split is opened. The text files are read once: after changing them, make another source.

    Args:
        attributes: The file of labels.
        images: The folder of images.
        partition: The file of splits; when None, a hash of the images' names decides.
        originals: What says which image of CelebA, which the splits name, each image is; when None, itself.
        boxes: The file of the images' boxes, for a data set with boxes.
    """

    def __init__(
        self,
        attributes: Path,
        images: Path,
        partition: Path | None = None,
        originals: Path | None = None,
        boxes: Path | None = None,
    ) -> None:
        self.attributes, self.images, self.partition = attributes, images, partition
        self.originals, self.boxes = originals, boxes

    @classmethod
    def find(cls, folder: Path) -> Official | None:
        """The layout in a folder or its ``celeba/`` or ``CelebAMask-HQ/``.

        Raises:
            DataError: some of the pieces are there and others are not, or there are two data sets.
        """
        for root in (folder, folder / "celeba", folder / "CelebAMask-HQ"):
            # That of CelebA-HQ comes without splits, which people bring from CelebA.
            hq = cls._high_quality(root)
            original = cls._original(root) if hq is None or (root / IMAGES).exists() else None
            if hq and original:
                raise DataError(f"{root} holds both CelebA and CelebA-HQ.", "Give each a folder of its own.")
            if found := hq or original:
                return found
        return None

    @classmethod
    def find_wild(cls, folder: Path) -> Official:
        """The images in the wild with labels, splits and boxes, in a folder or its ``celeba/``.

        Raises:
            DataError: some of these are missing.
        """
        for root in (folder, folder / "celeba"):
            attributes, partition, images = _pieces(root, WILD_IMAGES).values()
            boxes = _table(root, BOXES, "Anno")
            if attributes and partition and images and boxes:
                return cls(attributes, images, partition, boxes=boxes)
        how = f"Put {BOXES} and the images in the wild, {WILD_IMAGES}/, beside {ATTRIBUTES} and {PARTITION}."
        raise no_boxes(f"CelebA in {folder}", how)

    @classmethod
    def _original(cls, root: Path) -> Official | None:
        pieces = _pieces(root, IMAGES)
        attributes, partition, images = pieces.values()
        if attributes and partition and images:
            return cls(attributes, images, partition)
        for archive in (root / f"{IMAGES}.zip", root / "Img" / f"{IMAGES}.zip"):
            if not images and archive.is_file() and not is_zipfile(archive):
                hint = "A page that says that too many people want it may be in its place: download it again."
                raise DataError(f"{archive} is no archive, or cut short.", hint)
        _require_none(root, pieces, "Put all three into one folder; the images come as img_align_celeba.zip.")
        return None

    @classmethod
    def _high_quality(cls, root: Path) -> Official | None:
        pieces = {HQ_ATTRIBUTES: _first(root / HQ_ATTRIBUTES), HQ_IMAGES: _first(root / HQ_IMAGES)}
        attributes, images = pieces.values()
        if not (attributes and images):
            _require_none(root, pieces, "Both come with CelebAMask-HQ.zip.")
            return None
        partition, originals = _partition(root), _first(root / HQ_ORIGINALS)
        if partition and not originals:
            raise DataError(
                f"{root} has {partition.name}, which is of CelebA, but no {HQ_ORIGINALS}.",
                "Put it there, or remove the splits: then they are made anew.",
            )
        return cls(attributes, images, partition, originals if partition else None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Attribute names, as the file has them."""
        return read_names(self.attributes)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that have images."""
        found = set(self._splits.values())
        return tuple(s for s in SPLITS if s in found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left out."""
        files = sorted(self._boxless)
        listing = ", ".join(files[:5]) + (", ..." if len(files) > 5 else "")
        return (f"{self.boxes}: images with a box of no size, left out ({len(files):,}): {listing}.",) if files else ()

    def fingerprint(self) -> str:
        """Of all text files' contents, and of the images' names and sizes.

        Reading 1.4 GB of images at every start would take too long, and times of modification change when files are
        copied: an image that is replaced by another of the same number of bytes is not noticed.
        """
        with os.scandir(self.images) as entries:
            lines = sorted([f"{e.name} {e.stat().st_size}\n" for e in entries])
        return hashlib.sha256(self._texts + os.fsencode("".join(lines))).hexdigest()

    def open(self, split: str) -> Dataset:
        """Paths of images, decoded when read, and labels in {0, 1}.

        Raises:
            DataError: text files and images do not fit together.
        """
        from datasets import Dataset, Image

        table = self._table
        files = [(i, file) for i, file in enumerate(table.files) if file not in self._boxless]
        rows = [i for i, file in files if self._splits[file] == split]
        columns: dict[str, Any] = {"image": [str(self.images / table.files[i]) for i in rows]}
        if self.boxes is not None:
            columns[BOX] = [self._boxes[table.files[i]] for i in rows]
        columns |= {name: table.labels[rows, j] for j, name in enumerate(table.names)}
        # Cast afterwards: with features given at once, each of 162,770 paths is encoded by itself, which takes seconds.
        return Dataset.from_dict(columns).cast_column("image", Image())

    def persons(self, split: str) -> list[str | None] | None:
        """Numbers of the persons in a split's images, as ``identity_CelebA.txt`` has them; None where it is not there.

        Raises:
            DataError: the file is broken.
        """
        path = _first(*_either(self.attributes.parent / IDENTITIES))
        if path is None:
            return None
        known, originals = read_persons(path), read_originals(self.originals) if self.originals else {}
        files = [f for f in self._table.files if f not in self._boxless and self._splits[f] == split]
        return [known.get(originals.get(file, file)) for file in files]

    def __getstate__(self) -> dict[str, Any]:
        # Workers get the labels as they were parsed, and never ask for a fingerprint.
        return {k: v for k, v in self.__dict__.items() if k != "_texts"}

    @cached_property
    def _texts(self) -> bytes:
        # Kept as what is parsed from them is: else labels as they were could get the fingerprint of labels as they are.
        files = (self.attributes, self.partition, self.originals, self.boxes)
        return b"".join(path.read_bytes() for path in files if path)

    @cached_property
    def _boxes(self) -> dict[str, tuple[int, ...]]:
        return {} if self.boxes is None else read_boxes(self.boxes)

    @cached_property
    def _boxless(self) -> frozenset[str]:
        """Images whose box has no size."""
        return frozenset(file for file, box in self._boxes.items() if min(box[2:]) < 1)

    @cached_property
    def _present(self) -> set[str]:
        with os.scandir(self.images) as entries:
            return {e.name for e in entries if e.name.lower().endswith((".jpg", ".png"))}

    @cached_property
    def _splits(self) -> dict[str, str]:
        if self.partition is None:
            files = sorted(self._present)
            return dict(zip(files, split_of(files, np.empty((len(files), 0), np.int64)).tolist(), strict=True))
        splits = read_partition(self.partition)
        if self.originals is None:
            return splits
        originals = read_originals(self.originals)
        _require_all(set(originals.values()), set(splits), self.originals, self.partition)
        return {file: splits[original] for file, original in originals.items()}

    @cached_property
    def _table(self) -> Attributes:
        """Labels, checked against splits and images."""
        table = read_attributes(self.attributes)
        listed = set(table.files)
        if self.partition is not None:
            _require_same(listed, set(self._splits), self.attributes, self.originals or self.partition)
        if self.boxes is not None:
            _require_same(listed, set(self._boxes), self.attributes, self.boxes)
        outside = next((f for f in table.files if Path(f).name != f), None)
        if outside is not None:
            raise DataError(f"{self.attributes} names {outside!r}, which leaves {self.images}.", "Get it again.")
        _require_same(listed, self._present, self.attributes, self.images)
        return table


def _require_same(here: set[str], there: set[str], one: Path, other: Path) -> None:
    """Make sure that two lists of files are the same.

    Raises:
        DataError: they are not; names the first that only one of them has.
    """
    _require_all(here, there, one, other)
    _require_all(there, here, other, one)


def _require_all(here: set[str], there: set[str], one: Path, other: Path) -> None:
    if only := here - there:
        raise DataError(
            f"{len(only)} of the images of {one} are not in {other}, the first is {min(only)}.",
            "Labels, splits and images must list the same files: unpack the archive of the images and get the text "
            "files again, or remove what is too much.",
        )


def _require_none(root: Path, pieces: Mapping[str, Path | None], hint: str) -> None:
    """Of pieces that are not all there, one alone is a mistake."""
    present, missing = [n for n, p in pieces.items() if p], [n for n, p in pieces.items() if not p]
    if present:
        raise DataError(f"{root} has {' and '.join(present)}, but no {' and no '.join(missing)}.", hint)


def _pieces(root: Path, images: str) -> dict[str, Path | None]:
    """Flat, or in the download's own Anno/, Eval/ and Img/; Kaggle's tables are CSV files."""
    return {
        ATTRIBUTES: _table(root, ATTRIBUTES, "Anno"),
        PARTITION: _partition(root),
        # Some, and Kaggle, unpack the archive into a folder of its own name.
        images: _first(root / images / images, root / images, root / "Img" / images),
    }


def _partition(root: Path) -> Path | None:
    return _table(root, PARTITION, "Eval")


def _table(root: Path, name: str, folder: str) -> Path | None:
    return _first(*_either(root / name), *_either(root / folder / name))


def _either(text: Path) -> tuple[Path, Path]:
    """The text file, or Kaggle's table."""
    return text, text.with_suffix(".csv")


def _first(*paths: Path) -> Path | None:
    return next((p for p in paths if p.exists()), None)
