"""CelebA's own text files: list_attr_celeba.txt and list_eval_partition.txt.

Read strictly: a label that is not certain is an error that names file and line, never a guess. Trailing spaces, blank
lines, Windows line ends and a byte order mark are tolerated, because they change no label.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attredit.errors import DataError

SPLITS = ("train", "valid", "test")
_AGAIN = "Get the official file again."
_LABELS = {"-1": -1, "0": 0, "1": 1}
# Of ASCII digits, few enough: str.isdigit also accepts what int() refuses, such as superscripts.
_COUNT = re.compile("[0-9]{1,9}")


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
        DataError: the file cannot be read, does not begin with a count and names, or names one twice.
    """
    with _opened(path) as lines:
        return _head(list(islice(lines, 2)), path)[1]


def read_attributes(path: Path) -> Attributes:
    """The whole attribute file.

    Raises:
        DataError: the file cannot be read, its first line is no count or a wrong one, a line has more or fewer labels
            than there are names, a label is not -1 or 1 (or 0 or 1, throughout), or an image is listed twice.
    """
    with _opened(path) as lines:
        count, names = _head(list(islice(lines, 2)), path)
        rows = list(lines)
    if count != len(rows):
        hint = "It was cut short or edited: get the official file again."
        raise DataError(f"{path} announces {count} images and lists {len(rows)}.", hint)
    files, flat = [], array("b")
    for number, line in rows:
        file, *values = line.split()
        if len(values) != len(names):
            raise DataError(f"Line {number} of {path} has {len(values)} labels for {len(names)} attributes.", _AGAIN)
        try:
            flat.extend([_LABELS[v] for v in values])
        except KeyError as error:
            hint = "Labels are -1 or 1, or 0 or 1."
            raise DataError(f"Line {number} of {path} has the label {error.args[0]!r}.", hint) from None
        files.append(file)
    labels = np.array(flat, np.int8).reshape(len(rows), len(names))
    _require_unique(files, rows, path)
    _require_one_kind(labels, rows, path)
    return Attributes(names, files, (labels > 0).astype(np.int8))


def read_partition(path: Path) -> dict[str, str]:
    """Split ("train", "valid" or "test") by image file name.

    Raises:
        DataError: the file cannot be read, a line is not a file name and 0, 1 or 2, or an image is listed twice.
    """
    splits: dict[str, str] = {}
    with _opened(path) as lines:
        for number, line in lines:
            fields = line.split()
            if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
                hint = "It must be a file name and 0, 1 or 2."
                raise DataError(f"Line {number} of {path} is {line.strip()!r}.", hint)
            if fields[0] in splits:
                raise DataError(f"Line {number} of {path} repeats {fields[0]}.", _AGAIN)
            splits[fields[0]] = SPLITS[int(fields[1])]
    return splits


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[tuple[int, str]]]:
    """Lines that are not blank, with their numbers in the file."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield ((number, line) for number, line in enumerate(file, start=1) if line.strip())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text file: {error}.", _AGAIN) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.", "Make it readable.") from error


def _head(lines: list[tuple[int, str]], path: Path) -> tuple[int, tuple[str, ...]]:
    """The count and the names, from the first two lines."""
    if len(lines) < 2:
        raise DataError(f"{path} has {len(lines)} lines.", "It begins with a count and a line of attribute names.")
    (first, count), (second, line) = lines
    if not _COUNT.fullmatch(count.strip()):
        raise DataError(f"Line {first} of {path} is {count.strip()[:40]!r}.", "It must be the number of images.")
    names = tuple(line.split())
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"Line {second} of {path} names {twice} twice.", _AGAIN)
    return int(count), names


def _require_unique(files: list[str], rows: list[tuple[int, str]], path: Path) -> None:
    seen: set[str] = set()
    for file, (number, _) in zip(files, rows, strict=True):
        if file in seen:
            raise DataError(f"Line {number} of {path} repeats {file}.", _AGAIN)
        seen.add(file)


def _require_one_kind(labels: np.ndarray, rows: list[tuple[int, str]], path: Path) -> None:
    """Among -1 and 1, a 0 says neither no nor yes."""
    zero = (labels == 0).any(axis=1)
    if zero.any() and (labels == -1).any():
        number = rows[int(zero.argmax())][0]
        raise DataError(f"Line {number} of {path} has a label 0 among others of -1.", "Use -1 and 1, or 0 and 1.")
