"""Any folder of images with labels as a data source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data import BOX
from attredit.data.source import MappedColumn
from attredit.errors import DataError, nearest
from attredit_collections.boxes import box_columns, read_boxes
from attredit_collections.columns import Labels, listed, read_columns
from attredit_collections.content import content_of
from attredit_collections.layouts import PERSON, Rows, read_layout
from attredit_collections.problems import WITHOUT_LABEL, Problems
from attredit_collections.scan import Found, scan
from attredit_collections.splits import rows_by_split
from attredit_collections.tables import texts_of

if TYPE_CHECKING:
    from datasets import Dataset


class Folder:
    """A folder with metadata beside the images, with one table, or with one sub-folder for each class.

    Args:
        image_size: Not needed to read it; every source gets it.
        data_dir: The folder.
        table: The table of labels, relative to the folder; when None, metadata files, or the only table there is.
        files: The column that names files; when None, file_name in metadata, else the one whose values name images.
        columns: Columns to take as attributes, a list or a text with commas; when None, all that look like labels.
        channels: 1 to read the images as grey, 3 as RGB.
        boxes: Take columns of the table for boxes.
        missing: Values that say that a label is missing, a list or a text with commas; when None, words such as NA and
            ? beside a yes and a no.

    Raises:
        DataError: no images, labels or boxes where they should be, or a table that is broken.
        UsageError: an option names what is not there.
    """

    argument = "data_dir"

    def __init__(
        self,
        *,
        image_size: int,
        data_dir: Path | None = None,
        table: str | None = None,
        files: str | None = None,
        columns: str | Sequence[str] | None = None,
        channels: Literal[1, 3] = 3,
        boxes: bool = False,
        missing: str | Sequence[str] | None = None,
    ) -> None:
        if data_dir is None:
            raise DataError("No folder of images is named.", "Write --dataset folder:PATH, or add --data-dir PATH.")
        self.root, self.channels = data_dir, channels
        self._problems = Problems(str(data_dir))
        found = scan(data_dir)
        self._rows = _usable(read_layout(data_dir, found, table, files, self._problems), found, self._problems)
        self._boxes: np.ndarray | None = None
        if boxes:
            self._rows, self._boxes = _with_boxes(self._rows, self._problems)
        self._labels = _labels(self._rows, columns, missing, data_dir)
        self._problems.sentences += self._labels.doubts
        self._problems.add(WITHOUT_LABEL, [self._rows.files[row] for row in self._labels.without_label()])
        options = [table, files, columns, *(["boxes"] if boxes else []), *([] if missing is None else [missing])]
        # Now: later the tables might say something else than the labels that were read from them.
        sizes = {file: found.images[file] for file in self._rows.files}
        self._identity = _digest(data_dir, sizes, self._rows.tables, options)
        # Who is in one split is in no other, where it is for us to say.
        whom = zip(self._whom() or self._rows.files, self._rows.files, strict=True)
        units = [person or file for person, file in whom]
        self._splits = rows_by_split(self._rows.splits, units, self._labels.values, self._problems)

    @property
    def schema(self) -> AttributeSchema:
        """The attributes that the columns became."""
        return self._labels.schema

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that have images."""
        return tuple(self._splits)

    @property
    def mapping(self) -> tuple[MappedColumn, ...]:
        """What became of each column."""
        return self._labels.mapping

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, a sentence for each kind."""
        return tuple(self._problems.sentences)

    def fingerprint(self, split: str) -> str:
        """Of names and sizes of the images that have labels, the tables that are read, the options, the split's rows.

        Times of modification are not looked at, because copying changes them. So that an image is noticed that is
        replaced by another of the same number of bytes, some of its content is; see `attredit_collections.content`.
        """
        rows = self._splits[self._known(split)]
        return hashlib.sha256(self._identity.encode() + rows.tobytes()).hexdigest()

    def open(self, split: str) -> Dataset:
        """Paths of images, decoded when read, the labels, and boxes where they were asked for.

        Raises:
            DataError: no such split.
        """
        from datasets import Dataset, Image

        rows = self._splits[self._known(split)]
        columns: dict[str, Any] = {"image": [f"{self.root}/{self._rows.files[row]}" for row in rows]}
        if self._boxes is not None:
            columns[BOX] = self._boxes[rows].tolist()
        columns |= self._labels.columns(rows)
        # Cast afterwards: with features given at once, each path is encoded by itself, which takes seconds.
        return Dataset.from_dict(columns).cast_column("image", Image())

    def persons(self, split: str) -> list[str | None] | None:
        """Whom each image of a split shows, as the column ``person`` has it; None without one.

        Raises:
            DataError: no such split.
        """
        rows, written = self._splits[self._known(split)], self._whom()
        return None if written is None else [written[row] or None for row in rows]

    def _whom(self) -> list[str] | None:
        return texts_of(self._rows.table[PERSON]) if PERSON in self._rows.table.columns else None

    def _known(self, split: str) -> str:
        if split not in self._splits:
            raise DataError(f"{self.root} has no split {split!r}.", nearest(split, self.splits))
        return split


def _digest(root: Path, sizes: Mapping[str, int], tables: Sequence[str], options: Sequence[Any]) -> str:
    digest = hashlib.sha256(json.dumps([options, sorted(sizes.items())]).encode())
    digest.update(content_of(root, sizes))
    for table in tables:
        digest.update((root / table).read_bytes())
    return digest.hexdigest()


def _labels(
    rows: Rows, columns: str | Sequence[str] | None, missing: str | Sequence[str] | None, where: Path
) -> Labels:
    wanted = rows.wanted if columns is None else listed(columns)
    return read_columns(
        rows.table,
        where=str(where),
        wanted=wanted,
        not_labels=dict(rows.not_labels),
        # The name of a folder is one.
        missing=[] if rows.wanted and missing is None else None if missing is None else listed(missing),
    )


def _with_boxes(rows: Rows, problems: Problems) -> tuple[Rows, np.ndarray]:
    """Images that have a box, and their boxes (N, 4)."""
    columns = box_columns(map(str, rows.table.columns), problems.where)
    kept, boxes = read_boxes(rows.table, columns, rows.files, problems)
    not_labels = (*rows.not_labels, *columns.items())
    return replace(rows.take(kept.tolist()), not_labels=not_labels), boxes


def _usable(rows: Rows, found: Found, problems: Problems) -> Rows:
    """Without images that are empty files."""
    problems.add("files that are neither images nor tables, not looked at", found.others)
    problems.add("links that lead nowhere, or back to where they are", found.dead)
    empty = [file for file in rows.files if not found.images[file]]
    problems.add("images that are empty files, left out", empty)
    usable = rows.take([i for i, file in enumerate(rows.files) if found.images[file]])
    if not usable.files:
        raise DataError(f"{problems.where} has no image that can be used.", " ".join(problems.sentences))
    return usable
