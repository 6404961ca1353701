"""What every data source obeys: where images and labels come from. A protocol: plugins inherit from nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from attredit.attributes import AttributeSchema

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset


class MappedColumn(NamedTuple):
    """What a data source made of one column of a table.

    Attributes:
        column: Its name there.
        attribute: The attribute that it became; None where it was left out.
        values: What the table has for each value of the attribute, in label order.
        reason: Why it was left out.
        missing: How many of its labels are missing.
    """

    column: str
    attribute: str | None = None
    values: tuple[str, ...] = ()
    reason: str = ""
    missing: int = 0


class DataSource(Protocol):
    """Where images and labels come from. Constructors take ``image_size``, ``data_dir`` and their own options.

    Attributes:
        schema: Every attribute it has.
        channels: 1 or 3.
        splits: Those it has of train, valid and test; `attredit.data.split_of` makes them where there are none.

    A source may also have

    - ``biases``, a text for the model card on who is in the data, who labelled them and what the licence allows;
    - ``of_faces``, True where a face recognition network can tell what an edit does to identity;
    - ``argument``, of the class: the option, ``data_dir`` or its own, that ARGUMENT in ``--dataset NAME:ARGUMENT`` is;
    - ``persons``, a method of a split: whom each row of `open` shows, a text or number, None where nobody knows; None
      where it knows no persons at all;
    - ``mapping``, a sequence of `MappedColumn`: what became of each column of its tables;
    - ``warnings``, sentences on what it left out; with ``--strict`` they are an error.
    - ``frame``, a method of an image as it is shown: the `Frame` that the model should see of it, whatever the crop. It
      raises `DataError` where there is none, and the row is left out as a broken one;
    - ``boxes``, an argument of the constructor, for sources that know where in an image the model should look. When it
      is True, which the crop ``box`` asks for, data sets have a column ``box`` of four numbers: left, top, width and
      height in pixels of the image as it is shown. The fingerprint then changes with the boxes, too.
    """

    schema: AttributeSchema
    channels: int
    splits: tuple[str, ...]

    def fingerprint(self, split: str) -> str:
        """Hex digest that changes whenever an image or label of the split could."""

    def open(self, split: str) -> Dataset:
        """A data set with an `image` column and one integer column per attribute.

        A label is the index of the attribute's value, or None where it is missing. A row whose image raises when it is
        read is broken: it is left out of the prepared store, with its labels.
        """


@runtime_checkable
class CounterfactualSource(Protocol):
    """A data source that can also draw what an edited image should have been.

    `indices` are rows of the data set that `open` gives for the split. What is drawn is kept, as prepared images are:
    the split's `fingerprint` changes whenever it could.
    """

    def counterfactual(
        self, split: str, indices: Sequence[int], changes: Mapping[str, int], styles: int = 1
    ) -> np.ndarray:
        """The same images with only `changes` different: uint8 (N, S, H, W, C), one per style of what is put on."""


@runtime_checkable
class TransferSource(Protocol):
    """A `CounterfactualSource` that can also draw what an image should have been with another one's style."""

    def transferred(self, split: str, indices: Sequence[int], donors: Sequence[int], name: str) -> np.ndarray:
        """Images with an attribute, worn as others of the split wear it: uint8 (N, H, W, C), nothing else different.

        Args:
            split: Of both.
            indices: N rows, as in `counterfactual`.
            donors: N rows of images that have the attribute.
            name: The attribute, a binary one.
        """
