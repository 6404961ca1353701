"""The data source: labels and nuisances by index, images on access, counterfactuals."""

from __future__ import annotations

import colorsys
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attredit.attributes import Attribute, AttributeSchema
from attredit.data.options import whole_number
from attredit.errors import UsageError, nearest
from attredit_sprites.drawing import COLOURS, SHAPES, VERSION, Colour, Sprite, draw

if TYPE_CHECKING:
    from datasets import Dataset

SCHEMA = AttributeSchema(
    (
        Attribute("Thick"),
        Attribute("Slanted"),
        Attribute("Shape", tuple(SHAPES)),
        Attribute("Colour", tuple(COLOURS)),
    )
)
_SLANTED = SCHEMA.index("Slanted")
_SPLITS = ("train", "valid", "test")
# Of a sprite: a label of each attribute, then its nuisances.
_NUMBERS = len(SCHEMA) + 12


class Sprites:
    """Outlined shapes of which every factor is known; see docs/sprites.md.

    Each is a function of the seed, its split and its index alone. Numbers may be given as strings, as the command line
    has them.

    Args:
        image_size: Side of the images in pixels, 32 to 128.
        data_dir: None: nothing is read or written.
        train: Number of training images.
        valid: Number of validation images.
        test: Number of test images.
        seed: Another seed gives other images.

    Attributes:
        schema: Thick and Slanted, binary; Shape and Colour, of four values each.
        channels: 3.
        splits: train, valid and test.

    Raises:
        UsageError: an option has an impossible value.
    """

    schema, channels, splits = SCHEMA, 3, _SPLITS
    biases = """
The images are flat shapes drawn by code. Every value of an attribute is as frequent as the others and independent of
everything else, which no real data are: figures of a model say how a method does where the right answer is known.
"""

    def __init__(
        self,
        *,
        image_size: int,
        data_dir: Path | None = None,
        train: int = 10000,
        valid: int = 1000,
        test: int = 1000,
        seed: int = 0,
    ) -> None:
        if data_dir is not None:
            raise UsageError(f"sprites are drawn: nothing is read in {data_dir}.", "Leave --data-dir out.")
        self.image_size = whole_number("image_size", image_size, 32, 128)
        self.seed = whole_number("seed", seed, 0, 2**63 - 1)
        counts = {"train": train, "valid": valid, "test": test}
        self.counts = {split: whole_number(split, count, 0, 10**9) for split, count in counts.items()}

    def fingerprint(self, split: str) -> str:
        """Hex digest of all that decides the images and labels of a split.

        Raises:
            UsageError: an unknown split.
        """
        facts = [VERSION, SCHEMA.to_json(), _number(split), self.image_size, self.counts[split], self.seed]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """The split as a data set that draws `image`, uint8 (H, W, 3), when a row is read.

        Beside one integer column per attribute it has `index`, the sprite's number for `counterfactual`.

        Raises:
            UsageError: an unknown split.
        """
        from datasets import Dataset

        labels = self.labels(split, range(self.counts[split]))
        columns = {"index": np.arange(len(labels))} | {n: labels[:, i] for i, n in enumerate(SCHEMA.names)}
        return Dataset.from_dict(columns).with_transform(partial(self._painted, split))

    def labels(self, split: str, indices: Sequence[int]) -> NDArray[np.int64]:
        """Labels (N, 4) of the sprites with these numbers.

        Raises:
            UsageError: an unknown split.
        """
        drawn = [_numbers(self.seed, split, index)[: len(SCHEMA)] for index in indices]
        return (np.reshape(drawn, (-1, len(SCHEMA))) * [len(a.values) for a in SCHEMA]).astype(np.int64)

    def counterfactual(
        self, split: str, indices: Sequence[int], changes: Mapping[str, int], styles: int = 1
    ) -> NDArray[np.uint8]:
        """The same sprites with only `changes` different.

        Args:
            split: Of the sprites.
            indices: N numbers of sprites.
            changes: Attributes' names and the indices of their new values.
            styles: How many ways to slant; the first is the sprite's own. All else has one way.

        Returns:
            (N, S, H, W, 3); S is `styles` where `changes` slants, else 1.

        Raises:
            UsageError: an unknown split or attribute, a value that it does not have, fewer than one style.
        """
        after = self.labels(split, indices)
        slanted = after[:, _SLANTED] == 1
        for name, value in changes.items():
            column = SCHEMA.index(name)
            after[:, column] = whole_number(name, value, 0, len(SCHEMA.attributes[column].values) - 1)
        slants = "Slanted" in changes and bool(after[:, _SLANTED].any())
        count = whole_number("styles", styles, 1, 10**6) if slants else 1
        images = [
            [self._image(split, index, label, 0 if own else style) for style in range(count)]
            for index, label, own in zip(indices, after, slanted, strict=True)
        ]
        return np.reshape(images, (len(images), count, self.image_size, self.image_size, 3)).astype(np.uint8)

    def _painted(self, split: str, rows: dict[str, Any]) -> dict[str, Any]:
        """Rows with an `image`; rows of which `index` was not selected have none."""
        if "index" not in rows:
            return rows
        labels = self.labels(split, rows["index"])
        return {"image": [self._image(split, i, y, 0) for i, y in zip(rows["index"], labels, strict=True)]} | rows

    def _image(self, split: str, index: int, labels: NDArray[np.int64], style: int) -> NDArray[np.uint8]:
        """(H, W, 3) of a sprite with these labels (4,) and its own nuisances."""
        numbers = _numbers(self.seed, split, index)[len(SCHEMA) :]
        slant = numbers[0] if style == 0 else _numbers(self.seed, split, index, style)[0]
        stroke, shade, dx, dy, scale, turn, angle, *tints = numbers[1:]
        thick, slanted, shape, colour = labels
        red, green, blue = (channel * (0.85 + 0.25 * shade) for channel in COLOURS[SCHEMA.attributes[3].values[colour]])
        sprite = Sprite(
            shape=SCHEMA.attributes[2].values[shape],
            colour=(red, green, blue),
            width=(0.21 if thick else 0.075) * (0.8 + 0.4 * stroke),
            slant=(0.4 + 0.25 * slant) if slanted else 0.0,
            centre=(0.4 * dx - 0.2, 0.4 * dy - 0.2),
            scale=0.34 + 0.14 * scale,
            turn=0.2 * turn - 0.1,
            background=(_pastel(*tints[:2]), _pastel(*tints[2:])),
            fade=(math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)),
        )
        return draw(sprite, self.image_size)


def _pastel(hue: float, light: float) -> Colour:
    return colorsys.hls_to_rgb(hue, 0.74 + 0.2 * light, 0.55)


def _numbers(seed: int, split: str, *address: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) of an address alone; NumPy promises the same bits from a bit generator in all versions."""
    raw = np.random.PCG64([seed, _number(split), *address]).random_raw(_NUMBERS)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _number(split: str) -> int:
    if split not in _SPLITS:
        raise UsageError(f"Unknown split {split!r}.", nearest(split, _SPLITS))
    return _SPLITS.index(split)
