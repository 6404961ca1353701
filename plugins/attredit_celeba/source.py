"""CelebA as a data source."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attredit import AttributeSchema
from attredit.errors import DataError
from attredit_celeba import hub, official

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
    "the archive beside the text files and name their folder with --data-dir; or name a folder of parquet files; or "
    "a hub copy with --data-option hub=flwrlabs/celeba."
)


class CelebA:
    """CelebA from the official files, a folder of parquet, or a Hugging Face hub id.

    Args:
        image_size: Not needed to read it; every source gets it.
        data_dir: The folder with the official files, or with parquet files.
        hub: A hub id; nothing is downloaded unless it is given.

    Raises:
        DataError: no data where they should be.
    """

    channels = 3
    biases = """
CelebA shows celebrities, photographed for the press: mostly young, mostly with light skin, made up and well lit. Its
attributes were ticked by annotators and are subjective (`Attractive`, `Big_Nose`), inconsistent, and entangled with
each other: a model of `Smiling` may also have learnt of make-up, and one of `Male` of hair and age. It will do worse on
faces that CelebA has few of. The people shown were not asked. CelebA is for non-commercial research only, and so is
what is made from it.
"""

    def __init__(self, *, image_size: int, data_dir: Path | None = None, hub: str | None = None) -> None:
        if data_dir is None and hub is None:
            raise DataError("CelebA is not included.", _HOW)
        if data_dir is not None and not data_dir.is_dir():
            raise DataError(f"There is no folder {data_dir}.", _HOW)
        self.layout = None if data_dir is None or hub else official.find(data_dir)
        self.origin: str | Path = hub or data_dir or Path()
        if self.layout is None and isinstance(self.origin, Path) and not _hub_files(self.origin):
            raise DataError(f"{data_dir} holds neither the official files of CelebA nor parquet files.", _HOW)

    @property
    def schema(self) -> AttributeSchema:
        """The attributes that this copy has, under CelebA's names."""
        return AttributeSchema.of_binary(self._names)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that this copy has."""
        found = set(self._table[2].values()) if self.layout else set(self._copies)
        return tuple(s for s in official.SPLITS if s in found)

    def fingerprint(self, split: str) -> str:
        """Identifies the copy and the split."""
        whole = official.fingerprint(self.layout) if self.layout else hub.fingerprint(self.origin, self._copies)
        return f"{split}-{whole}"

    def open(self, split: str) -> Dataset:
        """Images, decoded when read, and labels in {0, 1}."""
        return self._open_official(split) if self.layout else self._open_copy(split)

    def __getstate__(self) -> dict[str, Any]:
        # Workers read the (small) tables again rather than receive them.
        return {k: v for k, v in self.__dict__.items() if k in ("layout", "origin")}

    @cached_property
    def _table(self) -> tuple[tuple[list[str], Any], list[str], dict[str, str]]:
        """Official files: names and labels, file names, split by file name; checked against the images."""
        assert self.layout is not None
        names, files, labels = official.read_attributes(self.layout.attributes)
        splits = official.read_partition(self.layout.partition)
        unplaced = [f for f in files if f not in splits]
        if unplaced:
            raise DataError(
                f"{self.layout.partition} does not say to which split {unplaced[0]} belongs.", "Get it again."
            )
        official.check_images(self.layout, files)
        return (names, labels), files, splits

    @cached_property
    def _copies(self) -> dict[str, Any]:
        return hub.load(self.origin)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        if self.layout:
            return tuple(self._table[0][0])
        found = tuple(hub.columns(next(iter(self._copies.values())), NAMES))
        if not found:
            raise DataError(f"{self.origin} has no column named as an attribute of CelebA.", f"Such as {NAMES[0]}.")
        return found

    def _open_official(self, split: str) -> Dataset:
        from datasets import Dataset, Image

        assert self.layout is not None
        (names, labels), files, splits = self._table
        rows = [i for i, file in enumerate(files) if splits[file] == split]
        columns: dict[str, Any] = {"image": [str(self.layout.images / files[i]) for i in rows]}
        columns |= {name: labels[rows, j] for j, name in enumerate(names)}
        return Dataset.from_dict(columns).cast_column("image", Image())

    def _open_copy(self, split: str) -> Dataset:
        data = self._copies[split]
        columns = hub.columns(data, NAMES)
        image = hub.image_column(data)
        labels = {name: hub.as_labels(data.with_format(None)[c][:], name) for name, c in columns.items()}
        kept = data.select_columns([image])
        if image != "image":
            kept = kept.rename_column(image, "image")
        for name, values in labels.items():
            kept = kept.add_column(name, values)
        return kept


def _hub_files(folder: Path) -> bool:
    return bool(hub.parquet_files(folder))
