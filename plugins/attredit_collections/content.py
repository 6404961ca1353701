"""A cheap look at what is in files, so that one is noticed whose content changes and whose size does not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

UNCOMPRESSED = frozenset(
    {".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
     ".csv", ".tsv", ".json", ".jsonl", ".txt", ".parquet", ".arrow", ".tar"}
)  # fmt: skip
"""Files of these kinds keep their size whatever is painted over, or said otherwise: all of them is looked at, up to
`WHOLE` bytes, and of larger ones that much in pieces that are evenly spread."""

WHOLE = 1 << 20
PIECE = 4096
"""Bytes of each of these pieces."""

END = 64
"""Bytes at the end of all others: a PNG has a checksum of its pixels there, and a change in a JPEG moves them."""

MOST = 10_000
"""More images than this are not opened for their ends, which takes minutes where each is a request to a server."""


def content_of(root: Path, sizes: Mapping[str, int]) -> bytes:
    """A digest of some of what is in files.

    Args:
        root: Their folder.
        sizes: The bytes of each, by name.
    """
    digest = hashlib.sha256()
    for name, size in sorted(sizes.items()):
        if os.path.splitext(name)[1].lower() in UNCOMPRESSED:
            digest.update(_all_over(root / name, size))
        elif len(sizes) <= MOST:
            digest.update(_read(root / name, max(0, size - END), END))
    return digest.digest()


def _all_over(file: Path, size: int) -> bytes:
    if size <= WHOLE:
        return _read(file, 0, size)
    pieces = WHOLE // PIECE
    with file.open("rb") as opened:
        found = []
        for i in range(pieces):
            opened.seek(i * (size - PIECE) // (pieces - 1))
            found.append(opened.read(PIECE))
    return b"".join(found)


def _read(file: Path, start: int, length: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(start)
        return opened.read(length)
