"""The data source: options, labels, images on access, counterfactuals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attredit.attributes import AttributeSchema
from attredit.data.options import whole_number
from attredit.errors import UsageError, nearest
from attredit_synthfaces.face import VERSION, draw
from attredit_synthfaces.factors import NUISANCES, faces
from attredit_synthfaces.labels import NAMES, Pairs, draw_labels, read_correlation

if TYPE_CHECKING:
    from datasets import Dataset

SPLITS = ("train", "valid", "test")
SMALLEST, LARGEST = 32, 256


class SynthFaces:
    """Cartoon faces of which every factor is known; see docs/synthfaces.md.

    Each face is a function of the seed, its split and its index alone. Numbers may be given as strings, as the command
    line has them.

    Args:
        image_size: Side of the images in pixels, 32 to 256.
        data_dir: None: nothing is read or written.
        train: Number of training faces.
        valid: Number of validation faces.
        test: Number of test faces.
        seed: Another seed gives other faces.
        correlation: Phi coefficients of pairs of attributes, ``{"Smiling": {"Blond_Hair": 0.8}}``; others are 0.
        correlate: ``"train"`` to correlate the train split only, ``"all"`` for every split.

    Attributes:
        schema: Ten binary attributes under CelebA's names.
        channels: 3.
        splits: train, valid and test.

    Raises:
        UsageError: an option has an impossible value.
    """

    channels = 3
    biases = """
The images are cartoons drawn by code. A model of them knows nothing of photographs and should not be tried on people;
its figures say how a method does where the right answer is known, not how well it would do elsewhere. What varies and
how often was chosen by the authors of the drawings: every attribute is present in half of them and, unless asked
otherwise, independent of all others, which no real data are. `Male` and `Pale_Skin` are drawn as plain conventions.
"""
    splits = SPLITS

    def __init__(
        self,
        *,
        image_size: int,
        data_dir: Path | None = None,
        train: int = 10000,
        valid: int = 1000,
        test: int = 1000,
        seed: int = 0,
        correlation: Mapping[str, Mapping[str, float]] | None = None,
        correlate: str = "train",
    ) -> None:
        if data_dir is not None:
            raise UsageError(f"synthfaces is drawn: it reads nothing in {data_dir}.", "Leave --data-dir out.")
        self.schema = AttributeSchema.of_binary(NAMES)
        self.image_size = whole_number("image_size", image_size, SMALLEST, LARGEST)
        self.seed = whole_number("seed", seed, 0, 2**63 - 1)
        counts = {"train": train, "valid": valid, "test": test}
        self.counts = {split: whole_number(split, count, 0, 10**9) for split, count in counts.items()}
        if correlate not in ("train", "all"):
            raise UsageError(f"correlate is {correlate!r}.", nearest(str(correlate), ("train", "all")))
        self._pairs, self._correlated = read_correlation(correlation), ("train",) if correlate == "train" else SPLITS

    def fingerprint(self, split: str) -> str:
        """Hex digest of all that decides the images and labels of a split.

        Raises:
            UsageError: an unknown split.
        """
        number = _split(split)
        facts = [VERSION, NAMES, number, self.image_size, self.counts[split], self.seed, self._pairs_of(split)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """The split as a data set that draws `image`, uint8 (H, W, 3), when a row is read.

        Beside one integer column per attribute it has `index`, the face's number for `counterfactual`.
        ``open(split).with_format(None)`` reads the columns without drawing images.

        Raises:
            UsageError: an unknown split.
        """
        from datasets import Dataset

        _split(split)
        indices = np.arange(self.counts[split])
        labels = self.labels(split, indices)
        columns = {"index": indices} | {name: labels[:, i] for i, name in enumerate(NAMES)}
        return Dataset.from_dict(columns).with_transform(_Painter(self, split))

    def labels(self, split: str, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels (N, attributes), 0 or 1, of the faces with these numbers.

        Raises:
            UsageError: an unknown split.
        """
        number = _split(split)
        return draw_labels(self.seed, number, np.asarray(indices, np.int64), self._pairs_of(split))

    def image(self, split: str, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Images (N, H, W, 3) of the faces with these numbers.

        Raises:
            UsageError: an unknown split.
        """
        labels = self.labels(split, indices)
        return self._draw(split, np.asarray(indices, np.int64), labels, np.zeros_like(labels))

    def counterfactual(
        self, split: str, indices: Sequence[int] | NDArray[np.int64], changes: Mapping[str, int], styles: int = 1
    ) -> NDArray[np.uint8]:
        """The same faces with only `changes` different.

        Args:
            split: Of the faces.
            indices: N numbers of faces.
            changes: Attribute names to 0 or 1. What a face already has stays exactly as it is.
            styles: How many ways of wearing what is put on; the first is the face's own.

        Returns:
            (N, S, H, W, 3); S is `styles` where `changes` puts anything on, else 1.

        Raises:
            UsageError: an unknown split or attribute, a value other than 0 and 1, fewer than one style.
        """
        wanted = {self.schema.index(name): whole_number(name, value, 0, 1) for name, value in changes.items()}
        count = whole_number("styles", styles, 1, 10**6) if any(wanted.values()) else 1
        numbers = np.asarray(indices, np.int64)
        before = self.labels(split, numbers)
        after = before.copy()
        for column, value in wanted.items():
            after[:, column] = value
        images = [self._draw(split, numbers, after, k * (after > before)) for k in range(count)]
        return np.stack(images, axis=1)

    def transferred(
        self,
        split: str,
        indices: Sequence[int] | NDArray[np.int64],
        donors: Sequence[int] | NDArray[np.int64],
        name: str,
    ) -> NDArray[np.uint8]:
        """The same faces with an attribute, worn exactly as the donors wear it; nothing else is different.

        Args:
            split: Of the faces and donors.
            indices: N numbers of faces.
            donors: N numbers of faces, each with the attribute.
            name: The attribute.

        Returns:
            (N, H, W, 3).

        Raises:
            UsageError: an unknown split or attribute, or a donor that lacks it.
        """
        column, numbers, others = self.schema.index(name), *(np.asarray(n, np.int64) for n in (indices, donors))
        if not self.labels(split, others)[:, column].all():
            raise UsageError(f"A donor has no {name}.", "Name faces that have it.")
        labels = self.labels(split, numbers)
        labels[:, column] = 1
        whose = np.repeat(numbers[:, None], len(NAMES) + len(NUISANCES), 1)
        whose[:, column] = others
        return self._draw(split, whose, labels, np.zeros_like(labels))

    def _pairs_of(self, split: str) -> Pairs:
        return self._pairs if split in self._correlated else ()

    def _draw(
        self, split: str, indices: NDArray[np.int64], labels: NDArray[np.int64], style: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        images = np.empty((len(indices), self.image_size, self.image_size, 3), np.uint8)
        for i, face in enumerate(faces(self.seed, _split(split), indices, labels, style)):
            images[i] = draw(face, self.image_size)
        return images


class _Painter:
    """Adds images to rows as they are read; an object of a class, because worker processes receive it."""

    def __init__(self, source: SynthFaces, split: str) -> None:
        self._source, self._split = source, split

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """The rows with an `image`; rows of which `index` was not selected have none."""
        if "index" not in rows:
            return rows
        return {"image": list(self._source.image(self._split, rows["index"]))} | rows


def _split(name: str) -> int:
    """Number of a split."""
    if name not in SPLITS:
        raise UsageError(f"Unknown split {name!r}.", nearest(name, SPLITS))
    return SPLITS.index(name)
