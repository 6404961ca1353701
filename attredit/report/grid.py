"""Labelled grids of images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from attredit.report.lettering import length, line_height, write_line

Pixels = NDArray[np.uint8]

INK, MUTED, PAPER = "#1c2126", "#69727d", "#ffffff"

_VISIBLE = 112
_GAP = 6
_MARGIN = 14


def cell_size(size: int) -> int:
    """The smallest whole multiple of an image's size at which it is well visible."""
    return size * math.ceil(_VISIBLE / size)


def as_image(pixels: Pixels) -> Image.Image:
    """An array (H, W, 1 or 3) as an RGB image."""
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)).convert("RGB")


def picture(pixels: Pixels, side: int) -> Image.Image:
    """An array (H, W, 1 or 3) as an RGB image of a given side."""
    image = as_image(pixels)
    return image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC)


def grid(rows: Sequence[Sequence[Pixels]], *, columns: Sequence[str] = (), cell: int | None = None) -> Image.Image:
    """Images in rows and columns, on white.

    Args:
        rows: Images uint8 (H, W, C), all of one size, in rows of one length.
        columns: A heading for each column; wrapped to its width.
        cell: Side of an image on the grid; well visible when None.
    """
    side = cell or cell_size(rows[0][0].shape[1])
    headings = [wrapped(text, side) for text in columns]
    size = heading_size(headings, side)
    top = _MARGIN + max(len(lines) for lines in headings) * line_height(size) + _GAP if headings else _MARGIN
    left, step = _MARGIN, side + _GAP
    width = left + len(rows[0]) * step - _GAP + _MARGIN
    canvas = Image.new("RGB", (width, top + len(rows) * step - _GAP + _MARGIN), PAPER)
    draw = ImageDraw.Draw(canvas)
    for x, lines in enumerate(headings):
        for y, line in enumerate(reversed(lines)):
            middle = (left + x * step + side / 2, top - _GAP - y * line_height(size))
            write_line(draw, middle, line, INK, size, anchor="md")
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            canvas.paste(picture(pixels, side), (left + x * step, top + y * step))
    return canvas


def wrapped(text: str, width: int, size: int = 14) -> list[str]:
    """Text broken at spaces, and underscores taken for spaces, into lines of a width in pixels."""
    lines: list[str] = []
    for paragraph in text.replace("_", " ").split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and length(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def heading_size(headings: Sequence[Sequence[str]], width: int) -> int:
    """The largest size up to 14 at which every line fits a width."""
    widest = max((length(line, 14) for lines in headings for line in lines), default=1.0)
    return min(14, max(8, math.floor(14 * width / max(widest, 1.0))))
