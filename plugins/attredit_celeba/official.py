"""The official layout: ``img_align_celeba/`` beside list_attr_celeba.txt and list_eval_partition.txt."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attredit.errors import DataError
from attredit_celeba.tables import SPLITS, Attributes, read_attributes, read_names, read_partition

if TYPE_CHECKING:
    from datasets import Dataset

ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
IMAGES = "img_align_celeba"


class Official:
    """CelebA as its authors give it out.

    What a prepared store asks for (names, splits, fingerprint) needs no label parsed; labels are read and checked when
    a split is opened. The text files are read once: after changing them, make another source.

    Args:
        attributes: The file of labels.
        partition: The file of splits.
        images: The folder of images.
    """

    def __init__(self, attributes: Path, partition: Path, images: Path) -> None:
        self.attributes, self.partition, self.images = attributes, partition, images

    @classmethod
    def find(cls, folder: Path) -> Official | None:
        """The layout in a folder or its ``celeba/``: flat, or in the download's own Anno/, Eval/ and Img/.

        Raises:
            DataError: some of the three pieces are there and others are not.
        """
        for root in (folder, folder / "celeba"):
            pieces = {
                ATTRIBUTES: _first(root / ATTRIBUTES, root / "Anno" / ATTRIBUTES),
                PARTITION: _first(root / PARTITION, root / "Eval" / PARTITION),
                # Some unpack the archive into a folder of its own name.
                IMAGES: _first(root / IMAGES / IMAGES, root / IMAGES, root / "Img" / IMAGES),
            }
            present, missing = [n for n, p in pieces.items() if p], [n for n, p in pieces.items() if not p]
            if present and missing:
                raise DataError(
                    f"{root} has {' and '.join(present)}, but no {' and no '.join(missing)}.",
                    "Put all three into one folder; the images come as img_align_celeba.zip.",
                )
            attributes, partition, images = pieces.values()
            if attributes and partition and images:
                return cls(attributes, partition, images)
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Attribute names, as the file has them."""
        return read_names(self.attributes)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that have images."""
        found = set(self._splits.values())
        return tuple(s for s in SPLITS if s in found)

    def fingerprint(self) -> str:
        """Of both text files' contents, and of the images' names and sizes.

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
        rows = [i for i, file in enumerate(table.files) if self._splits[file] == split]
        columns: dict[str, Any] = {"image": [str(self.images / table.files[i]) for i in rows]}
        columns |= {name: table.labels[rows, j] for j, name in enumerate(table.names)}
        # Cast afterwards: with features given at once, each of 162,770 paths is encoded by itself, which takes seconds.
        return Dataset.from_dict(columns).cast_column("image", Image())

    def __getstate__(self) -> dict[str, Any]:
        # Workers get the labels as they were parsed, and never ask for a fingerprint.
        return {k: v for k, v in self.__dict__.items() if k != "_texts"}

    @cached_property
    def _texts(self) -> bytes:
        # Kept as what is parsed from them is: else labels as they were could get the fingerprint of labels as they are.
        return self.attributes.read_bytes() + self.partition.read_bytes()

    @cached_property
    def _splits(self) -> dict[str, str]:
        return read_partition(self.partition)

    @cached_property
    def _table(self) -> Attributes:
        """Labels, checked against splits and images."""
        table = read_attributes(self.attributes)
        listed = set(table.files)
        _require_same(listed, set(self._splits), self.attributes, self.partition)
        outside = next((f for f in table.files if Path(f).name != f), None)
        if outside is not None:
            raise DataError(f"{self.attributes} names {outside!r}, which leaves {self.images}.", "Get it again.")
        with os.scandir(self.images) as entries:
            present = {e.name for e in entries if e.name.lower().endswith((".jpg", ".png"))}
        _require_same(listed, present, self.attributes, self.images)
        return table


def _require_same(here: set[str], there: set[str], one: Path, other: Path) -> None:
    """Make sure that two lists of files are the same.

    Raises:
        DataError: they are not; names the first that only one of them has.
    """
    for only, has, lacks in ((here - there, one, other), (there - here, other, one)):
        if only:
            raise DataError(
                f"{len(only)} of the images of {has} are not in {lacks}, the first is {min(only)}.",
                "Labels, splits and images must list the same files: unpack img_align_celeba.zip and get the text "
                "files again, or remove what is too much.",
            )


def _first(*paths: Path) -> Path | None:
    return next((p for p in paths if p.exists()), None)
