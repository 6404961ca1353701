"""What sources that read through Hugging Face `datasets` share: names of splits, columns of images, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attredit.errors import DataError

SPLIT_NAMES: Mapping[str, str] = {
    "train": "train", "training": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What people call the splits, and what a `DataSource` calls them."""


@contextmanager
def loading(what: Path | str) -> Iterator[None]:
    """What `datasets` says of data that it cannot load, as one sentence.

    Raises:
        DataError: for whatever it raises.
    """
    import datasets

    # Else it tells its makers' server which format is read, also that of files that are here.
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    try:
        yield
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        hint = "Check the name, the files, the free disk space and the connection."
        raise DataError(f"{what} cannot be loaded: {first}.", hint) from error


def image_column(data: Any, where: str) -> str:
    """The column of a `datasets.Dataset` that holds images: ``image``, or the only one.

    Raises:
        DataError: there is none, or several.
    """
    from datasets import Image

    found: list[str] = [name for name, feature in data.features.items() if isinstance(feature, Image)]
    if "image" in found:
        return "image"
    if len(found) != 1:
        hint = f"Its columns: {', '.join(data.column_names)}."
        raise DataError(f"Expected one column of images in {where}, found {len(found)}.", hint)
    return found[0]
