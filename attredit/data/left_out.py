"""What is left out of a data set: images that cannot be decoded, and whatever its source warns of.

Each is counted and listed, or in strict mode an error. Where too little would be left, it always is.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attredit.errors import DataError, DataWarning

if TYPE_CHECKING:
    from attredit.attributes import AttributeSchema
    from attredit.interfaces import DataSource

_SHOWN = 5


class Broken(NamedTuple):
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


def write_broken(path: Path, broken: Sequence[Broken]) -> None:
    """Write them as JSON, an object each."""
    path.write_text(json.dumps([image._asdict() for image in broken], indent=0, ensure_ascii=False), "utf-8")


def read_broken(path: Path) -> tuple[Broken, ...]:
    """The inverse of `write_broken`.

    Raises:
        OSError, ValueError, TypeError: the file is missing or something else.
    """
    return tuple(Broken(**image) for image in json.loads(path.read_text("utf-8")))


def require_half(broken: Sequence[Broken], images: int, where: str) -> None:
    """Make sure that at least half of the images can be decoded; where they cannot, something else is wrong.

    Raises:
        Unusable: more than half are broken.
    """
    if 2 * len(broken) > images:
        raise Unusable(_sentence(broken, images, where), "Look at the first of them: most should be images.")


def require_values(broken: Sequence[Broken], labels: np.ndarray, schema: AttributeSchema, where: str) -> None:
    """Make sure that no value of an attribute has lost all of its images.

    Args:
        broken: Images that are left out.
        labels: (N, n) of all images, below 0 where there is none.
        schema: Of the labels.
        where: "split train of celeba", for messages.

    Raises:
        Unusable: one has.
    """
    kept = np.delete(labels, [image.row for image in broken], axis=0)
    for attribute, before, after in zip(schema, labels.T, kept.T, strict=True):
        lost = np.setdiff1d(before[before >= 0], after)
        if len(lost):
            own = [image for image in broken if before[image.row] == lost[0]]
            value = f"{attribute.name} is {attribute.values[int(lost[0])]}"
            raise Unusable(_sentence(own, len(own), f"{where} for which {value}"), "Replace or remove them.")


def tell_broken(broken: Sequence[Broken], images: int, where: str, listing: Path, strict: bool) -> None:
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


def _sentence(broken: Sequence[Broken], images: int, where: str) -> str:
    shown = ", ".join(map(str, broken[:_SHOWN])) + (", ..." if len(broken) > _SHOWN else "")
    return f"{len(broken):,} of {images:,} images of {where} cannot be decoded: {shown}."
