"""CelebA as a data source."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attredit.attributes import AttributeSchema
from attredit.data import no_boxes
from attredit.errors import DataError, UsageError, nearest
from attredit_celeba.copies import Hub, Parquet
from attredit_celeba.divided import divided
from attredit_celeba.official import Official

if TYPE_CHECKING:
    from datasets import Dataset

NAMES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
    "Wearing_Necktie", "Young",
)  # fmt: skip

_HOW = (
    "Get img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from the CelebA project page, unpack "
    "the archive beside the text files and name their folder with --data-dir; or name the folder of Kaggle's copy, of "
    "CelebAMask-HQ or of parquet files; or have a copy downloaded with --data-option hub=flwrlabs/celeba."
)


class Copy(Protocol):
    """One way in which people have CelebA."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its attributes."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Those it has of train, valid and test."""

    def fingerprint(self) -> str:
        """Of everything."""

    def open(self, split: str) -> Dataset:
        """The columns `image` and, per attribute, 0 or 1."""


class CelebA:
    """CelebA from its text files or Kaggle's tables, a folder of parquet files, or a hub id; or CelebAMask-HQ.

    Args:
        image_size: Not needed to read it; every source gets it.
        data_dir: The folder with text files or tables beside images, or with parquet files.
        hub: A hub id. Nothing is downloaded unless it is given.
        boxes: Take the images in the wild, with a column ``box``.

    Raises:
        DataError: no data, or no boxes, where they should be; the message says what to get.
        UsageError: both `data_dir` and `hub`.
    """

    channels = 3
    of_faces = True
    biases = """
CelebA shows celebrities, photographed for the press: mostly young, mostly with light skin, made up and well lit. Its
attributes were ticked by annotators and are subjective (`Attractive`, `Big_Nose`), inconsistent, and entangled with
each other: a model of `Smiling` may also have learnt of make-up, and one of `Male` of hair and age. It will do worse on
faces that CelebA has few of. The people shown were not asked. CelebA is for non-commercial research only, and so is
what is made from it.
"""

    def __init__(
        self, *, image_size: int, data_dir: Path | None = None, hub: str | None = None, boxes: bool = False
    ) -> None:
        if hub is not None and data_dir is not None:
            raise UsageError(f"Both a folder ({data_dir}) and hub={hub} are given.", "Give one of them.")
        if hub is not None and boxes:
            raise no_boxes(f"The copy of CelebA {hub}", "They are of the images in the wild: name a folder of those.")
        self._found = _in_folder(data_dir, boxes) if hub is None else Hub(hub, NAMES)

    @cached_property
    def copy(self) -> Copy:
        """The copy, with splits. Not before it is asked for: to know those of the hub is to load it."""
        return self._found if isinstance(self._found, Official) else divided(self._found)

    @property
    def schema(self) -> AttributeSchema:
        """The attributes that this copy has, all binary."""
        return AttributeSchema.of_binary(self.copy.names)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that this copy has."""
        return self.copy.splits

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left out."""
        return self._found.warnings if isinstance(self._found, Official) else ()

    def fingerprint(self, split: str) -> str:
        """Identifies the copy and the split; how closely it looks differs, see the copies' own.

        Raises:
            DataError: no such split.
        """
        return f"{self._known(split)}-{self.copy.fingerprint()}"

    def open(self, split: str) -> Dataset:
        """The columns `image`, decoded when read, per attribute 0 or 1, and `box` where it was asked for.

        Raises:
            DataError: no such split, or files that are broken or do not fit together.
        """
        return self.copy.open(self._known(split))

    def persons(self, split: str) -> list[str | None] | None:
        """Who is in each image of a split; None where ``identity_CelebA.txt`` is not beside the labels.

        Raises:
            DataError: no such split, or a file that is broken.
        """
        split = self._known(split)
        return self.copy.persons(split) if isinstance(self.copy, Official) else None

    def _known(self, split: str) -> str:
        if split not in self.splits:
            raise DataError(f"This copy of CelebA has no split {split!r}.", nearest(split, self.splits))
        return split


def _in_folder(folder: Path | None, boxes: bool) -> Official | Parquet:
    if folder is None:
        raise DataError("CelebA does not come with attredit, and no folder is named.", _HOW)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", _HOW)
    if boxes:
        return Official.find_wild(folder)
    found = Official.find(folder) or Parquet.find(folder, NAMES)
    if found is None:
        raise DataError(f"{folder} holds neither the files of CelebA or CelebAMask-HQ nor parquet files.", _HOW)
    return found
