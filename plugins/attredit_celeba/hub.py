"""Copies in the Hugging Face format: a local folder of parquet files, or a hub id. Column conventions differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attredit.errors import DataError

_SPLITS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "test": "test"}


def load(source: str | Path) -> dict[str, Any]:
    """Data sets by our split names, from a folder of parquet files or a hub id.

    Raises:
        DataError: it cannot be loaded, or has no split that we know.
    """
    import datasets

    try:
        if isinstance(source, Path):
            loaded = datasets.load_dataset("parquet", data_files=_files_by_split(source))
        else:
            loaded = datasets.load_dataset(source)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{source} cannot be loaded: {first}.", "Check the name, the files and the connection."
        ) from error
    known = {_SPLITS[name]: data for name, data in loaded.items() if name in _SPLITS}
    if not known:
        raise DataError(f"{source} has the splits {', '.join(loaded)}.", "Expected train, valid and test.")
    return known


def parquet_files(folder: Path) -> list[Path]:
    """Parquet files of a folder or of its ``data/``."""
    return sorted(folder.glob("*.parquet")) or sorted((folder / "data").glob("*.parquet"))


def fingerprint(source: str | Path, data: Mapping[str, Any]) -> str:
    """Of parquet files' names, sizes and first and last 64 KiB (with the footer); or as datasets says."""
    digest = hashlib.sha256()
    if isinstance(source, Path):
        for path in parquet_files(source):
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(65536))
                file.seek(max(0, size - 65536))
                digest.update(file.read())
    else:
        for name, split in sorted(data.items()):
            digest.update(f"{name} {split._fingerprint}".encode())
    return digest.hexdigest()


def columns(data: Any, names: tuple[str, ...]) -> dict[str, str]:
    """The column of each attribute name that there is, whatever its case and spaces."""
    folded = {_fold(column): column for column in data.column_names}
    return {name: folded[_fold(name)] for name in names if _fold(name) in folded}


def image_column(data: Any) -> str:
    """The column of images.

    Raises:
        DataError: none, or several.
    """
    from datasets import Image

    found = [name for name, feature in data.features.items() if isinstance(feature, Image)]
    if "image" in found:
        return "image"
    if len(found) != 1:
        raise DataError(
            f"Expected one column of images, found {len(found)}.", f"Columns: {', '.join(data.column_names)}."
        )
    return str(found[0])


def as_labels(values: Any, name: str) -> list[int]:
    """Booleans, 0/1 or -1/1 to 0/1.

    Raises:
        DataError: any other value.
    """
    array = np.asarray(values)
    if array.dtype == object or not set(np.unique(array).tolist()) <= {-1, 0, 1}:
        wrong = next((v for v in array.tolist() if v not in (-1, 0, 1)), None)
        raise DataError(f"Attribute {name} has the value {wrong!r}.", "Labels are booleans, 0 and 1, or -1 and 1.")
    return [int(v) for v in (array > 0)]


def _files_by_split(folder: Path) -> dict[str, list[str]]:
    """Parquet files by the split that their names begin with."""
    found: dict[str, list[str]] = {}
    for path in parquet_files(folder):
        split = path.name.split("-")[0].split(".")[0].split("_")[0]
        found.setdefault(split, []).append(str(path))
    return found


def _fold(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
