"""The layouts in which folders hold labels: metadata beside images, one table, or a sub-folder for each class."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attredit.data.huggingface import SPLIT_NAMES
from attredit.errors import DataError, UsageError, nearest
from attredit_collections.problems import Problems
from attredit_collections.scan import Found
from attredit_collections.splits import split_column
from attredit_collections.tables import read_table, texts_of

if TYPE_CHECKING:
    import pandas as pd

METADATA = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"
CLASS = "label"
PERSON = "person"
_TRIED = 1000  # rows that are looked at first, to find the column of file names
_OUTSIDE = "that name files outside the folder, left out"
_ABSENT = "that name images that are not there, left out"
_HOW = (
    "Put a metadata.csv with a column file_name beside the images, or any table with a column of file names, or one "
    "sub-folder for each class."
)


@dataclass(frozen=True)
class Rows:
    """Images with what is said of them.

    Attributes:
        files: Names of images, as the scan has them.
        splits: The split that each belongs to; "" where none is said.
        table: A row for each of them, indexed from 0.
        tables: Names of the tables that were read.
        not_labels: Columns that are something else than labels, and why.
        wanted: Columns that are labels whatever they look like.
    """

    files: list[str]
    splits: list[str]
    table: pd.DataFrame
    tables: tuple[str, ...] = ()
    not_labels: tuple[tuple[str, str], ...] = ()
    wanted: tuple[str, ...] | None = None

    def take(self, keep: Sequence[int]) -> Rows:
        """Some of the rows, in this order."""
        table = self.table.iloc[list(keep)].reset_index(drop=True)
        return replace(self, files=[self.files[i] for i in keep], splits=[self.splits[i] for i in keep], table=table)


def read_layout(root: Path, found: Found, table: str | None, files: str | None, problems: Problems) -> Rows:
    """The rows of a folder, in whichever layout it has.

    Args:
        root: The folder.
        found: What lies in it.
        table: The table to read, relative to the folder; when None, metadata files, or the only table.
        files: The column that names files; when None, file_name, or the one whose values do.
        problems: Told of rows that cannot be used.

    Raises:
        DataError: there are no images or no labels, or a table that cannot be read.
        UsageError: `table` or `files` names what is not there.
    """
    if not found.images:
        hint = "Parquet files that hold images are read by --dataset hf:PATH." if found.tables else _HOW
        raise DataError(f"{root} holds no images.", hint)
    metadata = [name for name in found.tables if posixpath.basename(name) in METADATA]
    if table is not None:
        return _from_tables(root, found, [_named(root, found, table)], files, problems)
    if metadata:
        return _from_tables(root, found, metadata, files or FILE_NAME, problems)
    if len(found.tables) > 1:
        hint = f"Choose one with --data-option table=NAME: {', '.join(found.tables[:10])}."
        raise DataError(f"{root} holds {len(found.tables)} tables.", hint)
    if found.tables:
        return _from_tables(root, found, found.tables, files, problems)
    return _from_folders(root, found, problems)


def _named(root: Path, found: Found, table: str) -> str:
    if table not in found.tables and not (root / table).is_file():
        raise UsageError(f"There is no table {table!r} in {root}.", nearest(table, found.tables))
    return table


def _from_tables(root: Path, found: Found, names: Sequence[str], files: str | None, problems: Problems) -> Rows:
    import pandas as pd

    parts, images = [], []
    for name in names:
        part = read_table(root / name)
        finder = _Finder(found.images, posixpath.dirname(name))
        column = _column_of_files(part, files, finder, root / name)
        images += finder.find(texts_of(part[column]), f"rows of {name}", problems)
        parts.append(part.rename(columns={column: FILE_NAME}) if len(names) > 1 else part)
    _require_same_columns(root, names, parts)
    table = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    column = FILE_NAME if len(names) > 1 else column
    keep = _without_repetitions(images, table.drop(columns=column), problems)
    left = sorted(set(found.images) - {image for image in images if image is not None})
    problems.add("images without a label, left out", left)
    kept = [str(images[i]) for i in keep]
    table = table.iloc[keep].reset_index(drop=True)
    says, splits = split_column(table, f"the table in {root}")
    splits = splits or [_split_of(image) for image in kept]
    not_labels = [(column, "names the images")]
    if says:
        not_labels.append((says, "names the splits"))
    if PERSON in table.columns:
        not_labels.append((PERSON, "names whom an image shows"))
    return _of_splits(Rows(kept, splits, table, tuple(names), tuple(not_labels)), problems)


def _from_folders(root: Path, found: Found, problems: Problems) -> Rows:
    """The first folder around an image is its class; the second one, where the first are splits."""
    import pandas as pd

    parts = {name: name.split("/") for name in found.images}
    tops = {part[0] for part in parts.values() if len(part) > 1}
    others = sorted(top for top in tops if top.lower() not in SPLIT_NAMES)
    if others and len(others) < len(tops):
        # A split taken for a class would be a wrong label.
        splits_found = ", ".join(sorted(tops - set(others)))
        raise DataError(
            f"{root} holds folders of splits ({splits_found}) beside others ({', '.join(others[:10])}).",
            "Move the others away, or all classes below folders of splits.",
        )
    split = bool(tops) and not others
    depth = 1 if split else 0
    good = {name: part for name, part in parts.items() if len(part) > depth + 1}
    if not good:
        raise DataError(f"{root} holds images, but no labels.", _HOW)
    problems.add("images beside the folders of the classes, left out", sorted(set(parts) - set(good)))
    if len(classes := {part[depth] for part in good.values()}) == 1:
        raise DataError(f"{root} holds images in one sub-folder, {classes.pop()}, which makes no two classes.", _HOW)
    table = pd.DataFrame({CLASS: [part[depth] for part in good.values()]})
    splits = [SPLIT_NAMES[part[0].lower()] if split else "" for part in good.values()]
    return Rows(list(good), splits, table, wanted=(CLASS,))


def _of_splits(rows: Rows, problems: Problems) -> Rows:
    """Without images that belong to no split, where others do."""
    if not any(rows.splits):
        return rows
    stray = [file for file, split in zip(rows.files, rows.splits, strict=True) if not split]
    problems.add("images of no split, left out", stray)
    return rows.take([i for i, split in enumerate(rows.splits) if split])


class _Finder:
    """Finds the image that a table means: by its path from the table's folder, its name, or its name without ending.

    Args:
        images: Names of all, relative to the root.
        folder: The table's folder, relative to the root; where it lies outside, paths start at the root.
    """

    def __init__(self, images: Iterable[str], folder: str) -> None:
        start = "" if not folder or folder.startswith(("..", "/")) else f"{folder}/"
        inside = [image for image in images if image.startswith(start)]
        self.paths = {image.removeprefix(start): image for image in inside}
        self.names = _unique((posixpath.basename(image), image) for image in inside)
        self.stems = _unique((posixpath.splitext(posixpath.basename(image))[0], image) for image in inside)

    def __call__(self, written: str) -> str | None:
        written = written.replace("\\", "/")
        if leaves(written):
            return None
        path = posixpath.normpath(written)
        found = self.paths.get(path)
        if found is None and "/" not in path:
            found = self.names.get(path) or self.stems.get(path)
        return found

    def find(self, written: Sequence[str], where: str, problems: Problems) -> list[str | None]:
        """The image of each row, None where there is none, which is reported."""
        images = [self(name) if name else None for name in written]
        lost = [name for name, image in zip(written, images, strict=True) if image is None]
        outside = {name for name in lost if leaves(name.replace("\\", "/"))}
        problems.add(f"{where} that name no file, left out", ["(empty)" for name in lost if not name])
        problems.add(f"{where} {_OUTSIDE}", [name for name in lost if name in outside])
        problems.add(f"{where} {_ABSENT}", [name for name in lost if name and name not in outside])
        return images


def leaves(written: str) -> bool:
    """Whether a path with slashes leads out of the folder that it starts in."""
    path = posixpath.normpath(written)
    return path.startswith(("/", "../")) or path == ".." or path[1:2] == ":"


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A dictionary of those names that only one image has."""
    found = list(pairs)
    counts = Counter(name for name, _ in found)
    return {name: image for name, image in found if counts[name] == 1}


def _column_of_files(table: pd.DataFrame, files: str | None, finder: _Finder, path: Path) -> str:
    """The column that was asked for, or else the one whose values name most images."""
    names = [str(name) for name in table.columns]
    if files is not None:
        if files not in names:
            raise DataError(f"{path} has no column {files!r}.", nearest(files, names))
        return files
    counts = _counts(table[:_TRIED], finder)
    if not any(counts.values()):
        counts = _counts(table, finder)
    best = max(names, key=counts.__getitem__)
    if not counts[best]:
        hint = f"Name the column of file names with --data-option files=COLUMN; it has {', '.join(names[:10])}."
        raise DataError(f"No column of {path} names images of its folder.", hint)
    return best


def _counts(table: pd.DataFrame, finder: _Finder) -> dict[str, int]:
    """How many values of each column name an image."""
    return {
        str(name): sum(finder(text) is not None for text in texts_of(table[name]) if text) for name in table.columns
    }


def _without_repetitions(images: Sequence[str | None], labels: pd.DataFrame, problems: Problems) -> list[int]:
    """Rows to keep: the first of those that say the same of an image, and none of those that contradict each other."""
    rows: dict[str, list[int]] = {}
    for i, image in enumerate(images):
        if image is not None:
            rows.setdefault(image, []).append(i)
    repeated = {image: places for image, places in rows.items() if len(places) > 1}
    against = {image for image, places in repeated.items() if not _same(labels, places)}
    problems.add("images that are listed again with the same labels", [i for i in repeated if i not in against])
    problems.add("images that are listed with different labels, left out", [i for i in repeated if i in against])
    return [places[0] for image, places in rows.items() if image not in against]


def _same(labels: pd.DataFrame, places: Sequence[int]) -> bool:
    # As text, which also compares lists and whatever else parquet files hold.
    written = [[str(value).strip() for value in labels.iloc[place]] for place in places]
    return all(row == written[0] for row in written)


def _require_same_columns(root: Path, names: Sequence[str], parts: Sequence[pd.DataFrame]) -> None:
    first = set(parts[0].columns)
    for name, part in zip(names, parts, strict=True):
        if odd := sorted(map(str, first ^ set(part.columns))):
            raise DataError(
                f"{root / names[0]} and {root / name} have different columns: {', '.join(odd)}.",
                "Give all metadata files the same columns.",
            )


def _split_of(image: str) -> str:
    """The split whose folder an image lies in, at any depth; "" where it lies in none."""
    for part in image.split("/")[:-1]:
        if split := SPLIT_NAMES.get(part.lower()):
            return split
    return ""
