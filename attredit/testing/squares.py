"""The data set that plugins are checked on: images that say what they are, drawn in no time at any size.

Registered as ``core/conformance``, so that a run of it can be resumed and launched like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attredit.attributes import Attribute, AttributeSchema
from attredit.errors import UsageError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

SPLITS = ("train", "valid", "test")
_LEVELS = (48, 208)
_ATTRIBUTES = (Attribute("Left"), Attribute("Right"), Attribute("Below", ("dark", "grey", "light")))
_VERSION = 1


class Squares:
    """A grey ground with a little noise; each attribute is the brightness of a square on it.

    ``Left`` and ``Right`` are dark or light squares in the upper half, ``Below`` a dark, grey or light one in the lower
    half. Each image is a function of the seed, its split and its index alone; every value of every attribute occurs as
    soon as there are six images.

    Args:
        image_size: Side of the images in pixels, at least 4.
        data_dir: None: nothing is read.
        channels: 1 or 3.
        images: Number of training images; the other splits have a quarter of it, at least six.
        seed: Another seed gives other images.

    Raises:
        UsageError: an option has an impossible value.
    """

    splits = SPLITS
    schema = AttributeSchema(_ATTRIBUTES)

    def __init__(
        self, *, image_size: int, data_dir: Path | None = None, channels: int = 3, images: int = 48, seed: int = 0
    ) -> None:
        if data_dir is not None:
            raise UsageError(f"squares are drawn: nothing is read in {data_dir}.", "Leave --data-dir out.")
        for name, value, known in (("channels", channels, (1, 3)), ("image_size", image_size, range(4, 1025))):
            if int(value) not in known:
                raise UsageError(f"{name} is {value!r}.", f"It may be from {min(known)} to {max(known)}.")
        self.image_size, self.channels, self.seed = int(image_size), int(channels), int(seed)
        self.counts = {"train": int(images), "valid": max(6, int(images) // 4), "test": max(6, int(images) // 4)}

    def fingerprint(self, split: str) -> str:
        """Hex digest of all that decides the images and labels of a split.

        Raises:
            UsageError: an unknown split.
        """
        facts = [_VERSION, self._number(split), self.counts[split], self.image_size, self.channels, self.seed]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """The split as a data set that draws `image`, uint8 (H, W, C), when a row is read.

        Raises:
            UsageError: an unknown split.
        """
        from datasets import Dataset

        self._number(split)
        indices = np.arange(self.counts[split])
        labels = self.labels(indices)
        columns = {"index": indices} | {name: labels[:, i] for i, name in enumerate(self.schema.names)}
        return Dataset.from_dict(columns).with_transform(partial(self._paint, split))

    def labels(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N, 3): every combination of values in turn."""
        return np.stack([indices % 2, indices // 2 % 2, indices // 2 % 3], axis=1)

    def draw(self, split: str, indices: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Images (N, H, W, C) with these numbers and labels."""
        return np.stack([self._one(split, int(i), row) for i, row in zip(indices, labels, strict=True)])

    def counterfactual(
        self, split: str, indices: Sequence[int], changes: Mapping[str, int], styles: int = 1
    ) -> NDArray[np.uint8]:
        """The same images with only `changes` different: (N, 1, H, W, C), since nothing here has styles.

        Raises:
            UsageError: an unknown split or attribute.
        """
        numbers = np.asarray(indices, np.int64)
        labels = self.labels(numbers)
        for name, value in changes.items():
            labels[:, self.schema.index(name)] = value
        return self.draw(split, numbers, labels)[:, None]

    def _paint(self, split: str, rows: dict[str, Any]) -> dict[str, Any]:
        """Rows with their images; worker processes receive this method."""
        if "index" not in rows:
            return rows
        indices = np.asarray(rows["index"], np.int64)
        return {"image": list(self.draw(split, indices, self.labels(indices)))} | rows

    def _number(self, split: str) -> int:
        if split not in SPLITS:
            raise UsageError(f"Unknown split {split!r}.", nearest(split, SPLITS))
        return SPLITS.index(split)

    def _one(self, split: str, index: int, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(H, W, C): the ground's shade and the noise are the image's own."""
        random = np.random.default_rng([self.seed, self._number(split), index])
        size, quarter, half = self.image_size, self.image_size // 4, self.image_size // 2
        image = np.full((size, size, self.channels), random.uniform(96, 160, self.channels))
        places = [(slice(0, quarter), slice(0, half)), (slice(0, quarter), slice(half, size))]
        for attribute, label, place in zip(
            _ATTRIBUTES, labels, [*places, (slice(half, size), slice(quarter, quarter + half))], strict=True
        ):
            image[place] = np.interp(label, (0, len(attribute.values) - 1), _LEVELS)
        return (image + random.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)
