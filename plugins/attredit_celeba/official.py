"""The official layout: ``img_align_celeba/`` beside list_attr_celeba.txt and list_eval_partition.txt.

The text files are read here, strictly: a label that is not certain is an error, never a guess.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attredit.errors import DataError

ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
IMAGES = "img_align_celeba"

SPLITS = ("train", "valid", "test")
_LABELS = {"-1": 0, "0": 0, "1": 1}


@dataclass(frozen=True)
class Layout:
    """Where the three pieces lie."""

    attributes: Path
    partition: Path
    images: Path


def find(folder: Path) -> Layout | None:
    """The layout below a folder: flat, in ``celeba/``, or in the download's own Anno/, Eval/ and Img/."""
    for root in (folder, folder / "celeba"):
        attributes = _first(root / ATTRIBUTES, root / "Anno" / ATTRIBUTES)
        partition = _first(root / PARTITION, root / "Eval" / PARTITION)
        images = _first(root / IMAGES, root / "Img" / IMAGES)
        if attributes and partition and images:
            return Layout(attributes, partition, images)
    return None


def read_attributes(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Attribute names, file names, and labels (N, n) in {0, 1}.

    Raises:
        DataError: the file is not what its first two lines say, or holds anything but -1, 0 and 1.
    """
    lines = _lines(path)
    if len(lines) < 3:
        raise DataError(f"{path} has {len(lines)} lines.", "It begins with a count and a line of attribute names.")
    if not lines[0].strip().isdigit():
        raise DataError(f"Line 1 of {path} is {lines[0].strip()!r}.", "It must be the number of images.")
    names, rows = lines[1].split(), [line.split() for line in lines[2:]]
    if int(lines[0]) != len(rows):
        raise DataError(
            f"{path} announces {int(lines[0])} images and lists {len(rows)}.",
            "It was cut short or edited; get it again.",
        )
    for number, row in enumerate(rows, start=3):
        if len(row) != len(names) + 1:
            raise DataError(f"Line {number} of {path} has {len(row) - 1} labels for {len(names)} attributes.", _AGAIN)
        wrong = [v for v in row[1:] if v not in _LABELS]
        if wrong:
            raise DataError(f"Line {number} of {path} has the label {wrong[0]!r}.", "Labels are -1 or 1, or 0 or 1.")
    used = {v for row in rows for v in row[1:]}
    if {"0", "-1"} <= used:
        raise DataError(f"{path} mixes the labels 0 and -1.", "Use -1 and 1, or 0 and 1.")
    labels = np.array([[_LABELS[v] for v in row[1:]] for row in rows], np.int64).reshape(len(rows), len(names))
    files = [row[0] for row in rows]
    _require_unique(files, path)
    return names, files, labels


def read_partition(path: Path) -> dict[str, str]:
    """Split by file name.

    Raises:
        DataError: a line that is not a file name and 0, 1 or 2.
    """
    splits = {}
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise DataError(f"Line {number} of {path} is {line.strip()!r}.", "It must be a file name and 0, 1 or 2.")
        if fields[0] in splits:
            raise DataError(f"Line {number} of {path} repeats {fields[0]}.", _AGAIN)
        splits[fields[0]] = SPLITS[int(fields[1])]
    return splits


def check_images(layout: Layout, files: list[str]) -> None:
    """Make sure that labels and images fit together, with one listing of the folder.

    Raises:
        DataError: labels without images, images without labels, or a name that leaves the folder.
    """
    outside = [f for f in files if Path(f).name != f]
    if outside:
        raise DataError(f"{layout.attributes} names {outside[0]!r}, which leaves {layout.images}.", _AGAIN)
    present = {entry.name for entry in os.scandir(layout.images) if entry.name.lower().endswith((".jpg", ".png"))}
    missing, extra = sorted(set(files) - present), sorted(present - set(files))
    if missing:
        raise DataError(
            f"{len(missing)} images of {layout.attributes} are not in {layout.images}, the first is {missing[0]}.",
            "Unpack img_align_celeba.zip again.",
        )
    if extra:
        raise DataError(
            f"{len(extra)} images in {layout.images} have no labels, the first is {extra[0]}.", "Remove them."
        )


def fingerprint(layout: Layout) -> str:
    """Of both text files' contents and of the images' names and sizes (reading 1.4 GB would take minutes)."""
    digest = hashlib.sha256()
    for path in (layout.attributes, layout.partition):
        digest.update(path.read_bytes())
    for name, size in sorted((e.name, e.stat().st_size) for e in os.scandir(layout.images)):
        digest.update(f"{name} {size}\n".encode())
    return digest.hexdigest()


_AGAIN = "Get the official file again."


def _lines(path: Path) -> list[str]:
    """Lines that are not blank; Windows line ends and a byte order mark are tolerated."""
    try:
        return [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text file: {error}.", _AGAIN) from None


def _require_unique(files: list[str], path: Path) -> None:
    if len(set(files)) != len(files):
        twice = next(f for i, f in enumerate(files) if f in set(files[:i]))
        raise DataError(f"{path} lists {twice} twice.", _AGAIN)


def _first(*paths: Path) -> Path | None:
    return next((p for p in paths if p.exists()), None)
