"""Labelled grids of images, drawn by PIL with the font that comes with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

INK, MUTED, PAPER = "#1c2126", "#69727d", "#ffffff"

_VISIBLE = 112
_GAP = 6
_MARGIN = 14


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """PIL's own font, which is the same on every machine."""
    return ImageFont.load_default(size)


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
    top = _MARGIN + (max(text.count("\n") for text in headings) + 1) * round(1.3 * size) + _GAP if headings else _MARGIN
    left, step = _MARGIN, side + _GAP
    width = left + len(rows[0]) * step - _GAP + _MARGIN
    canvas = Image.new("RGB", (width, top + len(rows) * step - _GAP + _MARGIN), PAPER)
    draw = ImageDraw.Draw(canvas)
    for x, heading in enumerate(headings):
        middle = (left + x * step + side / 2, top - _GAP)
        draw.multiline_text(middle, heading, INK, font(size), anchor="md", align="center", spacing=round(0.3 * size))
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            canvas.paste(picture(pixels, side), (left + x * step, top + y * step))
    return canvas


def wrapped(text: str, width: int, size: int = 14) -> str:
    """Text broken at spaces, and underscores taken for spaces, into lines of a width in pixels."""
    lines: list[str] = []
    for paragraph in text.replace("_", " ").split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font(size).getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return "\n".join(lines)


def heading_size(headings: Sequence[str], width: int) -> int:
    """The largest size up to 14 at which every line fits a width."""
    lines = [line for text in headings for line in text.split("\n")]
    widest = max((font(14).getlength(line) for line in lines), default=1.0)
    return min(14, max(8, math.floor(14 * width / max(widest, 1.0))))
