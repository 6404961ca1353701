"""The contact sheet of the documentation: ``python -m attredit_synthfaces.sheet docs/images/synthfaces.png``."""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from attredit_synthfaces.labels import NAMES
from attredit_synthfaces.source import SynthFaces

COLUMNS, ROWS, STYLES = 12, 4, 4
"""Faces beside each other, rows of random faces, styles shown of each attribute."""
_GAP = 12


def sheet(size: int, seed: int) -> Image.Image:
    """Random faces; below them, for each attribute, a face without it and then with it in several styles.

    Args:
        size: Side of each face in pixels.
        seed: Of the data set.
    """
    source = SynthFaces(image_size=size, seed=seed)
    grid = _tile(source.image("train", np.arange(ROWS * COLUMNS)), COLUMNS)
    lines = -(-len(NAMES) // 2)
    picture = Image.new("RGB", (COLUMNS * size, (ROWS + lines) * size + _GAP), "white")
    picture.paste(Image.fromarray(grid), (0, 0))
    for number, name in enumerate(NAMES):
        left = number % 2 * COLUMNS // 2 * size
        top = ROWS * size + _GAP + number // 2 * size
        _write(picture, name, left, top, size)
        picture.paste(Image.fromarray(_tile(_pair(source, name, number), STYLES + 1)), (left + size, top))
    return picture


def _pair(source: SynthFaces, name: str, number: int) -> NDArray[np.uint8]:
    """One test face without the attribute, then with it in every style: (1 + STYLES, H, W, 3)."""
    pool = np.arange(20 * number, 20 * number + 20)
    index = pool[source.labels("test", pool)[:, NAMES.index(name)] == 0][:1]
    without, having = source.image("test", index), source.counterfactual("test", index, {name: 1}, STYLES)
    return np.concatenate([without, having[0]])


def _tile(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Images (N, H, W, 3) as one, row by row."""
    count, height, width, channels = images.shape
    rows = count // columns
    grid = images.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def _write(picture: Image.Image, name: str, left: int, top: int, size: int) -> None:
    """The attribute's name in the empty place before its faces."""
    font = ImageFont.load_default(size / 7)
    text = name.replace("_", "\n")
    ImageDraw.Draw(picture).multiline_text((left + size / 2, top + size / 2), text, "black", font, "mm", align="center")


def main() -> None:
    """Write the sheet to the file named on the command line."""
    parser = argparse.ArgumentParser(description="Draw the contact sheet of synthfaces.")
    parser.add_argument("file", help="image to write")
    parser.add_argument("--size", type=int, default=96, help="side of each face in pixels")
    parser.add_argument("--seed", type=int, default=1, help="seed of the data set")
    asked = parser.parse_args()
    sheet(asked.size, asked.seed).save(asked.file, optimize=True)


if __name__ == "__main__":
    main()
