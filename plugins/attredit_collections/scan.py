"""What lies in a folder: images with their sizes, and tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attredit.errors import DataError

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
TABLES = frozenset({".csv", ".tsv", ".parquet", ".jsonl"})


@dataclass
class Found:
    """The content of a folder; names are relative to it, with slashes.

    Attributes:
        images: Bytes of each image, by name.
        tables: Names of tables.
        dead: Links that lead nowhere, or back to a folder around them.
    """

    images: dict[str, int] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)


def scan(root: Path) -> Found:
    """Everything below a folder but what is hidden; links to folders are followed, unless they lead back.

    Raises:
        DataError: it is no folder, or cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.", "Name the folder that holds the images, or one above it.")
    found = Found()
    try:
        for name, entry in _files(root, "", frozenset({_identity(root)}), found.dead):
            kind = os.path.splitext(name)[1].lower()
            if kind in IMAGES:
                found.images[name] = entry.stat().st_size
            elif kind in TABLES:
                found.tables.append(name)
    except OSError as error:
        raise DataError(f"{error.filename or root} cannot be read: {error.strerror or error}.") from error
    return found


def _files(
    folder: Path, name: str, around: frozenset[tuple[int, int]], dead: list[str]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files below a folder, sorted in each; `around` are the folders that enclose it."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        here = f"{name}{entry.name}"
        if entry.is_symlink() and not _leads_somewhere(Path(entry.path), around):
            dead.append(here)
        elif entry.is_dir():
            yield from _files(Path(entry.path), f"{here}/", around | {_identity(Path(entry.path))}, dead)
        elif entry.is_file():
            yield here, entry


def _leads_somewhere(link: Path, around: frozenset[tuple[int, int]]) -> bool:
    try:
        return _identity(link) not in around
    except OSError:  # the target is gone, or a link to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
