"""What lies in a folder: images with their sizes, and tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attredit.errors import DataError

IMAGES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm",
     ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif"}
)  # fmt: skip
"""Whether they can be decoded shows when they are."""

# How files begin that are images, whatever they are called.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1")
# What people lay beside images, and nobody takes for one.
_BESIDE = frozenset(
    {"", ".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".json", ".xml", ".yaml", ".yml", ".toml", ".ini", ".py",
     ".ipynb", ".sh", ".log", ".zip", ".tar", ".gz", ".db"}
)  # fmt: skip
# What a training leaves in its directory, whose pictures are no data.
_RUN = frozenset({"config.json", "model.safetensors"})
TABLES = frozenset({".csv", ".tsv", ".parquet", ".jsonl"})


@dataclass
class Found:
    """The content of a folder; names are relative to it, with slashes.

    Attributes:
        images: Bytes of each image, by name.
        tables: Names of tables.
        dead: Links that lead nowhere, or back to a folder around them.
        others: Files that are neither, and that nobody lays beside images for other reasons.
    """

    images: dict[str, int] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def scan(root: Path) -> Found:
    """Everything below a folder but what is hidden, and runs; links to folders are followed, unless they lead back.

    Raises:
        DataError: it is no folder, or cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.", "Name the folder that holds the images, or one above it.")
    found = Found()
    try:
        for name, entry in _files(root, "", frozenset({_identity(root)}), found.dead):
            kind = os.path.splitext(name)[1].lower()
            if kind in TABLES:
                found.tables.append(name)
            elif kind in IMAGES or _begins_as_image(entry.path):
                found.images[name] = entry.stat().st_size
            elif kind not in _BESIDE:
                found.others.append(name)
    except OSError as error:
        raise DataError(f"{error.filename or root} cannot be read: {error.strerror or error}.") from error
    return found


def _files(
    folder: Path, name: str, around: frozenset[tuple[int, int]], dead: list[str]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files below a folder, sorted in each; `around` are the folders that enclose it."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    if name and _RUN.issubset(entry.name for entry in ordered):
        return
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


def _begins_as_image(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(16)
    riff, box = (head[:4], head[8:12]) == (b"RIFF", b"WEBP"), head[4:8] == b"ftyp" and head[8:12] in _BRANDS
    return head.startswith(_BEGINNINGS) or riff or box


def _leads_somewhere(link: Path, around: frozenset[tuple[int, int]]) -> bool:
    try:
        return _identity(link) not in around
    except OSError:  # the target is gone, or a link to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
