"""Copies in the Hugging Face format: a folder of parquet files, or a hub id. Their column conventions differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit.data.huggingface import SPLIT_NAMES, image_column, loading
from attredit.errors import DataError
from attredit_celeba.tables import SPLITS

if TYPE_CHECKING:
    from datasets import Dataset

# How much of the beginning and the end of a parquet file goes into its fingerprint, at least.
_ENDS = 65536


class Parquet:
    """A folder of parquet files, one or more a split. Reading it makes a copy in the cache of `datasets`.

    Names, splits and fingerprint are read from the files themselves, so that a prepared store needs no such copy.

    Args:
        files: Parquet files by split.
        known: Attribute names to look for.
    """

    def __init__(self, files: Mapping[str, list[Path]], known: tuple[str, ...]) -> None:
        self.files, self.known = dict(files), known

    @classmethod
    def find(cls, folder: Path, known: tuple[str, ...]) -> Parquet | None:
        """Parquet files in a folder, or one or two levels below, as in a clone of a hub's repository.

        The split is the beginning of a file's name (``train-00000-of-00019.parquet``) or else its folder's name.

        Raises:
            DataError: one of them belongs to no split, or there are several copies.
        """
        levels = (sorted(folder.glob(pattern)) for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"))
        paths = next((found for found in levels if found), [])
        files: dict[str, list[Path]] = {}
        roots = set()
        for path in paths:
            split, root = _split_of(path)
            files.setdefault(split, []).append(path)
            roots.add(root)
        if len(roots) > 1:
            listing = ", ".join(str(root) for root in sorted(roots))
            raise DataError(f"{folder} holds several copies: {listing}.", "Name one of these folders.")
        return cls(files, known) if files else None

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have files."""
        return tuple(s for s in SPLITS if s in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that the first file has, under CelebA's names.

        Raises:
            DataError: it has none, or is no complete parquet file.
        """
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        path = self.files[self.splits[0]][0]
        _require_complete(path)
        return _known_names(pq.read_schema(path).names, self.known, path)

    def rows(self, split: str) -> int:
        """How many images a split has.

        Raises:
            DataError: a file is no complete parquet file.
        """
        import pyarrow.parquet as pq

        for path in self.files[split]:
            _require_complete(path)
        return sum(int(pq.read_metadata(path).num_rows) for path in self.files[split])

    def fingerprint(self) -> str:
        """Of names, sizes, the first 64 KiB and the last, or more when the footer is longer.

        The footer has every column's size, place, smallest and largest value.

        Raises:
            DataError: a file is no complete parquet file.
        """
        digest = hashlib.sha256()
        for path in sorted(path for files in self.files.values() for path in files):
            footer, size = _require_complete(path), path.stat().st_size
            digest.update(f"{_label(path)} {size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(_ENDS))
                file.seek(max(0, size - max(_ENDS, footer)))
                digest.update(file.read())
        return digest.hexdigest()

    def open(self, split: str) -> Dataset:
        """Images, decoded when read, and labels in {0, 1}.

        Raises:
            DataError: the files cannot be read, or labels are not binary.
        """
        import datasets

        files = {split: [str(p) for p in self.files[split]]}
        with loading(self.files[split][0].parent):
            loaded = datasets.load_dataset("parquet", data_files=files, split=split)
        return labelled(loaded, self.names, f"split {split}")


class Hub:
    """A data set of the Hugging Face hub, which `datasets` downloads when it is first needed.

    Args:
        name: Its id, such as flwrlabs/celeba.
        known: Attribute names to look for.
    """

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of its splits that we know."""
        return tuple(s for s in SPLITS if s in self._loaded)

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that it has, under CelebA's names.

        Raises:
            DataError: it has none, or cannot be loaded.
        """
        return _known_names(self._loaded[self.splits[0]].column_names, self.known, self.name)

    def rows(self, split: str) -> int:
        """How many images a split has."""
        return len(self._loaded[split])

    def fingerprint(self) -> str:
        """As `datasets` says, which knows the revision."""
        facts = [f"{split} {data._fingerprint}" for split, data in sorted(self._loaded.items())]
        return hashlib.sha256("".join(facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """Images, decoded when read, and labels in {0, 1}.

        Raises:
            DataError: labels are not binary, or columns are missing.
        """
        return labelled(self._loaded[split], self.names, f"split {split} of {self.name}")

    def __getstate__(self) -> dict[str, Any]:
        # Other processes load it from the cache of `datasets`.
        return {"name": self.name, "known": self.known}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        import datasets

        with loading(self.name):
            loaded = datasets.load_dataset(self.name)
        found = {SPLIT_NAMES[name]: data for name, data in loaded.items() if name in SPLIT_NAMES}
        if not found:
            raise DataError(f"{self.name} has the splits {', '.join(loaded)}.", "Expected train, valid and test.")
        return found


def labelled(data: Any, names: Iterable[str], where: str) -> Dataset:
    """A data set with the columns `image` and one of {0, 1} per name, and nothing else.

    Raises:
        DataError: a column is missing, there is not one column of images, or a label is not binary.
    """
    from datasets import Dataset, Features, Value, concatenate_datasets

    image = image_column(data, where)
    columns = match(data.column_names, names)
    missing = [n for n in names if n not in columns]
    if missing:
        raise DataError(f"There is no column {missing[0]} in {where}.", f"Its columns: {', '.join(data.column_names)}.")
    table = data.select_columns(list(columns.values())).with_format("arrow")[:]
    labels = as_labels({name: table.column(column).to_pylist() for name, column in columns.items()}, where)
    features = Features({name: Value("int8") for name in labels})
    images = data.select_columns([image])
    if image != "image":
        images = images.rename_column(image, "image")
    return concatenate_datasets([images, Dataset.from_dict(labels, features=features)], axis=1)


def match(columns: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """The column of each name that has one: exactly so named, or else but for case, spaces and hyphens."""
    exact = set(columns := list(columns))
    folded = {_fold(column): column for column in columns}
    found = {name: name if name in exact else folded.get(_fold(name)) for name in names}
    return {name: column for name, column in found.items() if column is not None}


def as_labels(columns: Mapping[str, list[Any]], where: str) -> dict[str, np.ndarray]:
    """Booleans, 0 and 1, or -1 and 1, to 0 and 1: int8 (N,) by name.

    Raises:
        DataError: any other value, or 0 in one place and -1 in another.
    """
    seen: dict[int, str] = {}
    for name, values in columns.items():
        for value in set(values):
            if not isinstance(value, bool | int | float) or value not in (-1, 0, 1):
                raise DataError(
                    f"Attribute {name} has the value {value!r} in {where}.",
                    "Labels are booleans, 0 and 1, or -1 and 1.",
                )
            seen.setdefault(int(value), name)
    if {-1, 0} <= set(seen):
        raise DataError(
            f"Attribute {seen[-1]} has the value -1 and {seen[0]} has 0 in {where}.", "Use one kind of labels."
        )
    return {name: (np.asarray(values) > 0).astype(np.int8) for name, values in columns.items()}


def _known_names(columns: Iterable[str], known: tuple[str, ...], where: Path | str) -> tuple[str, ...]:
    found = tuple(match(columns, known))
    if not found:
        raise DataError(f"{where} has no column named as an attribute of CelebA.", f"Such as {known[0]}.")
    return found


def _split_of(path: Path) -> tuple[str, Path]:
    """The split that a file belongs to, and the folder of its copy."""
    if split := _split_in_name(path):
        return split, path.parent
    if split := SPLIT_NAMES.get(path.parent.name):
        return split, path.parent.parent
    hint = "Name it, or its folder, after its split, such as train-00000-of-00001.parquet."
    raise DataError(f"{path} belongs to no split.", hint)


def _split_in_name(path: Path) -> str | None:
    return SPLIT_NAMES.get(path.name.replace("_", "-").replace(".", "-").split("-")[0])


def _label(path: Path) -> str:
    """As much of a path as says which split it is."""
    return path.name if _split_in_name(path) else f"{path.parent.name}/{path.name}"


def _require_complete(path: Path) -> int:
    """The length of a parquet file's end: the footer, its length in 4 bytes, PAR1.

    Raises:
        DataError: it does not end like that.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        end = file.read()
    length = int.from_bytes(end[:4], "little") + 8
    if end[4:] != b"PAR1" or length > size:
        hint = "Get it again: its download was cut short, or it is a pointer that `git lfs pull` replaces."
        raise DataError(f"{path} is no complete parquet file.", hint)
    return length


def _fold(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
