"""What is left out of a data set: images that cannot be decoded, and whatever its source warns of.

Each is counted and listed, or in strict mode an error. Where too little would be left, it always is.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attredit.data.source import DataSource
from attredit.errors import DataError, DataWarning
from attredit.files import from_json

_SHOWN = 5


class BrokenImage(NamedTuple):
    """An image that cannot be decoded.

    Attributes:
        row: Of its split, as the source has it.
        file: Its name, where the source knows it.
        reason: Why, as part of a sentence.
    """

    row: int
    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file or f'row {self.row}'} ({self.reason})"


class Unusable(DataError):
    """Too little can be decoded: there is nothing to be gained from keeping it."""


def broken_json(broken: Sequence[BrokenImage]) -> bytes:
    """They as JSON, an object each."""
    return json.dumps([image._asdict() for image in broken], indent=0, ensure_ascii=False).encode()


def read_broken(path: Path) -> tuple[BrokenImage, ...]:
    """The inverse of `broken_json`, in a file.

    Raises:
        OSError, ValueError, TypeError: the file is missing or something else.
    """
    return tuple(BrokenImage(**image) for image in from_json(path.read_text("utf-8")))


def require_half(broken: Sequence[BrokenImage], images: int, where: str) -> None:
    """Make sure that at least half of the images can be decoded; where they cannot, something else is wrong.

    Raises:
        Unusable: more than half are broken.
    """
    if 2 * len(broken) > images:
        raise Unusable(_sentence(broken, images, where), "Look at the first of them: most should be images.")


def tell_broken(broken: Sequence[BrokenImage], images: int, where: str, listing: Path, strict: bool) -> None:
    """Warn of images that are left out, if there are any.

    Args:
        broken: They.
        images: How many there would be.
        where: "split train of celeba", for messages.
        listing: The file that lists all.
        strict: Make it an error.

    Raises:
        DataError: if strict.
    """
    if not broken:
        return
    said = _sentence(broken, images, where)
    if strict:
        raise DataError(f"{said} All are listed in {listing}.", "Replace or remove them, or do without --strict.")
    warnings.warn(f"{said} They are left out, with their labels; {listing} lists them.", DataWarning, stacklevel=3)


def require_nothing_left_out(source: DataSource) -> None:
    """Make sure that a source has nothing to warn of.

    Raises:
        DataError: it has.
    """
    if found := getattr(source, "warnings", ()):
        raise DataError(" ".join(found), "Mend this, or do without --strict.")


def _sentence(broken: Sequence[BrokenImage], images: int, where: str) -> str:
    shown = ", ".join(map(str, broken[:_SHOWN])) + (", ..." if len(broken) > _SHOWN else "")
    return f"{len(broken):,} of {images:,} images of {where} cannot be used: {shown}."
