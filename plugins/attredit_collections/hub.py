"""Whatever `datasets.load_dataset` opens as a data source: an id of the Hugging Face hub, or a local folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data import BOX
from attredit.data.huggingface import SPLIT_NAMES, image_column, loading
from attredit.data.source import MappedColumn
from attredit.errors import DataError, UsageError, nearest
from attredit_collections.boxes import box_columns, read_boxes
from attredit_collections.columns import Labels, listed, names_splits, read_columns
from attredit_collections.content import content_of
from attredit_collections.problems import WITHOUT_LABEL, Problems
from attredit_collections.splits import rows_by_split, split_column

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset


class HuggingFace:
    """A data set in the Hugging Face format, whose columns become attributes.

    `datasets` downloads it when it is first needed, if it is named by a hub id and no copy is in its cache; folders,
    and copies in its cache, need no connection.

    Args:
        image_size: Not needed to read it; every source gets it.
        name: A hub id, a folder, or one of the formats of `datasets`, such as imagefolder or parquet.
        data_dir: A folder within `name`; or, without `name`, the folder itself.
        config: One of the configurations that the data set has.
        image: The column of images; when None, ``image``, or the only one.
        columns: Columns to take as attributes, a list or a text with commas; when None, all that look like labels.
        channels: 1 to read the images as grey, 3 as RGB.
        boxes: Take columns for boxes.
        missing: As `Folder` has it.

    Raises:
        DataError: nothing is named; the rest shows when it is first looked at.
    """

    argument = "name"

    def __init__(
        self,
        *,
        image_size: int,
        name: str | None = None,
        data_dir: Path | None = None,
        config: str | None = None,
        image: str | None = None,
        columns: str | Sequence[str] | None = None,
        channels: Literal[1, 3] = 3,
        boxes: bool = False,
        missing: str | Sequence[str] | None = None,
    ) -> None:
        if name is None and data_dir is None:
            raise DataError("No data set is named.", "Write --dataset hf:NAME, or add --data-dir PATH.")
        self.name = str(data_dir) if name is None else str(Path(name).expanduser()) if name[:1] == "~" else name
        self.data_dir = None if name is None or data_dir is None else str(data_dir)
        self.channels = channels
        self._config, self._image, self._columns = config, image, columns
        self._has_boxes, self._missing = boxes, missing
        self._problems = Problems(self.name)

    @property
    def schema(self) -> AttributeSchema:
        """The attributes that the columns became.

        Raises:
            DataError: it cannot be loaded, or no column is a label.
        """
        return self._labels.schema

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that have images."""
        return tuple(self._rows)

    @property
    def mapping(self) -> tuple[MappedColumn, ...]:
        """What became of each column."""
        return self._labels.mapping

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, a sentence for each kind."""
        return tuple(self._problems.sentences) if self._rows else ()

    def fingerprint(self, split: str) -> str:
        """Of the revision, as `datasets` says it, or of what is in local files, wherever they lie; labels; rows."""
        rows = self._rows[self._known(split)]
        facts = self._files or [self._loaded[name]._fingerprint for name in self._used]
        digest = hashlib.sha256(json.dumps([facts, self._image]).encode())
        digest.update(self._labels.values.tobytes())
        digest.update(rows.tobytes())
        if self._has_boxes:
            digest.update(self._boxes[1].tobytes())
        return digest.hexdigest()

    def open(self, split: str) -> Dataset:
        """Images, decoded when read, the labels, and boxes where they were asked for.

        Raises:
            DataError: no such split, or no column of images.
        """
        from datasets import Dataset, concatenate_datasets

        rows = self._rows[self._known(split)]
        images = self._all.select_columns([self._image_column])
        if self._image_column != "image":
            images = images.rename_column(self._image_column, "image")
        columns = self._labels.columns(np.arange(len(self._labels.values)))
        if self._has_boxes:
            columns[BOX] = self._boxes[1].tolist()
        # Selected last: of rows that are selected already, `datasets` would copy all images.
        return concatenate_datasets([images, Dataset.from_dict(columns)], axis=1).select(rows)

    def __getstate__(self) -> dict[str, Any]:
        # Other processes load it from the cache of `datasets`.
        return {k: v for k, v in self.__dict__.items() if k not in ("_loaded", "_all", "_table")}

    def _known(self, split: str) -> str:
        if split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}.", nearest(split, self.splits))
        return split

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        import datasets

        with loading(self.name):
            loaded = datasets.load_dataset(self.name, self._config, data_dir=self.data_dir)
        return {name: data for name, data in loaded.items() if len(data)}

    @cached_property
    def _used(self) -> dict[str, str]:
        """The split that each of its splits is; "" for the only one of another name.

        Raises:
            DataError: there are several, and none is for training.
        """
        names = list(self._loaded)
        known = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
        if not known and len(names) == 1:
            return {names[0]: ""}
        if "train" not in known.values():
            raise DataError(f"{self.name} has the splits {', '.join(names) or '(none)'}.", "One must be called train.")
        return known

    @cached_property
    def _all(self) -> Any:
        """All splits, one after the other."""
        from datasets import concatenate_datasets

        with loading(self.name):
            return concatenate_datasets([self._loaded[name] for name in self._used])

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        own = [split for name, split in self._used.items() for _ in range(len(self._loaded[name]))]
        assigned = self._split_column[1] or own
        self._problems.add("splits that are not used", [name for name in self._loaded if name not in self._used])
        self._problems.sentences += self._labels.doubts
        self._problems.add(WITHOUT_LABEL, map(str, self._labels.without_label()))
        used = self._boxes[0]
        found = rows_by_split([assigned[i] for i in used], map(str, used), self._labels.values[used], self._problems)
        return {split: used[rows] for split, rows in found.items()}

    @cached_property
    def _box_columns(self) -> Mapping[str, str]:
        return box_columns(self._all.column_names, self.name) if self._has_boxes else {}

    @cached_property
    def _boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers (n,) of the rows that are used, all where nobody asks for boxes; and boxes (N, 4), some of zeros."""
        used, boxes = np.arange(len(self._all)), np.zeros((len(self._all), 4), np.int64)
        if self._has_boxes:
            table = self._all.select_columns(list(self._box_columns)).with_format(None).to_pandas()
            used, found = read_boxes(table, self._box_columns, [f"row {row}" for row in used], self._problems)
            boxes[used] = found
        return used, boxes

    @cached_property
    def _image_column(self) -> str:
        if self._image is None:
            return image_column(self._all, self.name)
        if self._image not in self._all.column_names:
            raise UsageError(
                f"{self.name} has no column {self._image!r}.", nearest(self._image, self._all.column_names)
            )
        return self._image

    @cached_property
    def _files(self) -> list[str]:
        """What there is in a local folder, which `datasets` would know another time by its path; [] of the hub's."""
        root = Path(self.data_dir or self.name)
        if not root.is_dir():
            return []
        visible = (path for path in root.rglob("*") if not any(part[0] == "." for part in path.relative_to(root).parts))
        sizes = {path.relative_to(root).as_posix(): path.stat().st_size for path in visible if path.is_file()}
        return [json.dumps(sorted(sizes.items())), content_of(root, sizes).hex(), str(self._config), *self._used]

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The columns of numbers and texts."""
        from datasets import ClassLabel, Value

        plain = [name for name, kind in self._all.features.items() if isinstance(kind, ClassLabel | Value)]
        table: pd.DataFrame = self._all.select_columns(plain).with_format(None).to_pandas()
        return table

    @cached_property
    def _split_column(self) -> tuple[str, list[str]]:
        """The column that names the splits, and what it says; "" and [] where `datasets` has splits itself."""
        if not set(self._used.values()) <= {"", "train"}:
            return "", []
        named = {n: kind.names for n, kind in self._all.features.items() if hasattr(kind, "names") and names_splits(n)}
        words = {n: self._table[n].map(dict(enumerate(names))) for n, names in named.items()}
        return split_column(self._table.assign(**words), self.name)

    @cached_property
    def _labels(self) -> Labels:
        from datasets import ClassLabel

        features, plain = self._all.features, list(self._table.columns)
        others = {name: type(kind).__name__ for name, kind in features.items() if name not in plain}
        says = self._split_column[0]
        found = read_columns(
            self._table,
            where=self.name,
            wanted=None if self._columns is None else listed(self._columns),
            not_labels={**self._box_columns, **({says: "names the splits"} if says else {})},
            missing=None if self._missing is None else listed(self._missing),
            class_names={name: features[name].names for name in plain if isinstance(features[name], ClassLabel)},
        )
        left = [MappedColumn(name, reason=self._why(name, kind)) for name, kind in others.items()]
        return Labels(found.schema, found.values, (*left, *found.mapping), found.doubts)

    def _why(self, name: str, kind: str) -> str:
        """Why a column that is neither numbers nor text is no attribute."""
        if name == self._image_column:
            return "holds the images"
        return self._box_columns.get(name, f"a column of type {kind}, which holds no labels")
