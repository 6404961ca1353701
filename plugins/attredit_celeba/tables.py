"""CelebA's own text files: list_attr_celeba, list_eval_partition and list_bbox_celeba.

As .txt or, as Kaggle has them, as .csv.

Read strictly: a label that is not certain is an error that names file and line, never a guess. Trailing spaces, blank
lines, Windows line ends and a byte order mark are tolerated, because they change no label.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attredit.errors import DataError

Row = tuple[int, list[str]]

SPLITS = ("train", "valid", "test")
_AGAIN = "Get the official file again."
_LABELS = {"-1": -1, "0": 0, "1": 1}
# Of ASCII digits, few enough: str.isdigit also accepts what int() refuses, such as superscripts.
_COUNT = re.compile("[0-9]{1,9}")
_WHOLE = re.compile("-?[0-9]{1,9}")
_SIDES = ("x_1", "y_1", "width", "height")


class Attributes(NamedTuple):
    """The attribute file.

    Attributes:
        names: n attribute names.
        files: N image file names.
        labels: (N, n) int8 in {0, 1}.
    """

    names: tuple[str, ...]
    files: list[str]
    labels: np.ndarray


def read_names(path: Path) -> tuple[str, ...]:
    """Attribute names, without reading beyond their line.

    Raises:
        DataError: the file cannot be read, does not begin with a count (.txt only) and names, or names one twice.
    """
    with _opened(path) as rows:
        return _head(rows, path)[1]


def read_attributes(path: Path) -> Attributes:
    """The whole attribute file.

    Raises:
        DataError: the file cannot be read, its first line is no count or a wrong one (.txt only), a line has more or
            fewer labels than there are names, a label is not -1 or 1 (or 0 or 1, throughout), or an image is listed
            twice.
    """
    files, numbers, flat = [], [], array("b")
    with _opened(path) as rows:
        count, names = _head(rows, path)
        for number, (file, *values) in rows:
            if len(values) != len(names):
                what = f"{len(values)} labels for {len(names)} attributes"
                raise DataError(f"Line {number} of {path} has {what}.", _AGAIN)
            try:
                flat.extend([_LABELS[v] for v in values])
            except KeyError as error:
                hint = "Labels are -1 or 1, or 0 or 1."
                raise DataError(f"Line {number} of {path} has the label {error.args[0]!r}.", hint) from None
            files.append(file)
            numbers.append(number)
    _require_count(count, len(files), path)
    labels = np.array(flat, np.int8).reshape(len(files), len(names))
    _require_unique(files, numbers, path)
    _require_one_kind(labels, numbers, path)
    return Attributes(names, files, (labels > 0).astype(np.int8))


def read_partition(path: Path) -> dict[str, str]:
    """Split ("train", "valid" or "test") by image file name.

    Raises:
        DataError: the file cannot be read, a line is not a file name and 0, 1 or 2, or an image is listed twice.
    """
    with _opened(path) as rows:
        if _is_csv(path):
            _head(rows, path)
        pairs = _pairs(rows, path, 2, ("0", "1", "2"), "It must be a file name and 0, 1 or 2.")
        return {file: SPLITS[int(part)] for file, part in pairs.items()}


def read_persons(path: Path) -> dict[str, str]:
    """Number of the person that each image shows, by image file name.

    Raises:
        DataError: the file cannot be read, a line is not a file name and a number, or an image is listed twice.
    """
    with _opened(path) as rows:
        return _pairs(rows, path, 2, (), "It must be a file name and a person's number.")


def read_boxes(path: Path) -> dict[str, tuple[int, ...]]:
    """Left, top, width and height by image file name: columns ``image_id x_1 y_1 width height``.

    Raises:
        DataError: the file cannot be read, its first line is no count or a wrong one (.txt only), its line of names is
            another, a line is not a file name and four whole numbers, or an image is listed twice.
    """
    with _opened(path) as rows:
        count, names = _head(rows, path)
        if names[-4:] != _SIDES:
            raise DataError(f"{path} has the columns {' '.join(names)}.", f"They must be {' '.join(_SIDES)}. {_AGAIN}")
        found: dict[str, tuple[int, ...]] = {}
        for number, (file, *fields) in rows:
            if len(fields) != 4 or not all(map(_WHOLE.fullmatch, fields)):
                hint = "It must be a file name and four whole numbers."
                raise DataError(f"Line {number} of {path} is {' '.join([file, *fields])!r}.", hint)
            if file in found:
                raise DataError(f"Line {number} of {path} repeats {file}.", _AGAIN)
            found[file] = tuple(map(int, fields))
    _require_count(count, len(found), path)
    return found


def read_originals(path: Path) -> dict[str, str]:
    """The file of CelebA that each of CelebA-HQ was made from: columns ``idx orig_idx orig_file`` below their names.

    Raises:
        DataError: the file cannot be read, a line is something else, or an image is listed twice.
    """
    with _opened(path) as rows:
        next(rows, None)
        pairs = _pairs(rows, path, 3, (), "It must be two numbers and a file name.")
        return {f"{index}.jpg": original for index, original in pairs.items()}


def _pairs(rows: Iterator[Row], path: Path, length: int, known: Sequence[str], hint: str) -> dict[str, str]:
    """The last field by the first one; `known` are those that may be, any when empty."""
    found: dict[str, str] = {}
    for number, fields in rows:
        if len(fields) != length or (known and fields[-1] not in known):
            raise DataError(f"Line {number} of {path} is {' '.join(fields)!r}.", hint)
        if fields[0] in found:
            raise DataError(f"Line {number} of {path} repeats {fields[0]}.", _AGAIN)
        found[fields[0]] = fields[-1]
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[Row]]:
    """The fields of lines that are not blank, with the lines' numbers in the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _csv_rows(file) if _is_csv(path) else ((n, line.split()) for n, line in enumerate(file, start=1))
            yield ((number, fields) for number, fields in lines if any(fields))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no {'table' if _is_csv(path) else 'text file'}: {error}.", _AGAIN) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.", "Make it readable.") from error


def _csv_rows(lines: Iterator[str]) -> Iterator[Row]:
    """Commas separate, or what spreadsheets write in their place."""
    head = next(lines, "")
    rows = csv.reader(chain([head], lines), delimiter=max(",;\t", key=head.count), skipinitialspace=True, strict=True)
    for row in rows:
        yield rows.line_num, [field.strip() for field in row]


def _is_csv(path: Path) -> bool:
    return path.suffix == ".csv"


def _head(rows: Iterator[Row], path: Path) -> tuple[int | None, tuple[str, ...]]:
    """The count, None in a CSV, and the names."""
    lines = list(islice(rows, 1 if _is_csv(path) else 2))
    if len(lines) < (1 if _is_csv(path) else 2):
        begins = "a line of column names" if _is_csv(path) else "a count and a line of attribute names"
        raise DataError(f"{path} has {len(lines)} lines.", f"It begins with {begins}.")
    number, names = lines[-1]
    names = names[1:] if _is_csv(path) else names
    # Labels where names should be: the line of names is missing.
    wrong = [name for name in names if name in ("", "2", *_LABELS)]
    if wrong:
        raise DataError(f"Line {number} of {path} names {wrong[0]!r}.", "It must be the line of names.")
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"Line {number} of {path} names {twice} twice.", _AGAIN)
    return None if _is_csv(path) else _count(*lines[0], path), tuple(names)


def _count(number: int, fields: list[str], path: Path) -> int:
    text = " ".join(fields)
    if not _COUNT.fullmatch(text):
        raise DataError(f"Line {number} of {path} is {text[:40]!r}.", "It must be the number of images.")
    return int(text)


def _require_count(announced: int | None, found: int, path: Path) -> None:
    if announced not in (None, found):
        hint = "It was cut short or edited: get the official file again."
        raise DataError(f"{path} announces {announced} images and lists {found}.", hint)


def _require_unique(files: list[str], numbers: list[int], path: Path) -> None:
    seen: set[str] = set()
    for file, number in zip(files, numbers, strict=True):
        if file in seen:
            raise DataError(f"Line {number} of {path} repeats {file}.", _AGAIN)
        seen.add(file)


def _require_one_kind(labels: np.ndarray, numbers: list[int], path: Path) -> None:
    """Among -1 and 1, a 0 says neither no nor yes."""
    zero = (labels == 0).any(axis=1)
    if zero.any() and (labels == -1).any():
        number = numbers[int(zero.argmax())]
        raise DataError(f"Line {number} of {path} has a label 0 among others of -1.", "Use -1 and 1, or 0 and 1.")
