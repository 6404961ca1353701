"""From an image of any size to the model's square, the same way for training and editing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from attredit.data.boxes import HINT, Box
from attredit.data.frames import Bounds, Frame
from attredit.data.pixels import shown
from attredit.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from PIL.Image import Image

    Place = Box | Frame | Callable[[Image], Frame]

Crop = Literal["none", "centre", "celeba", "box"]
CROPS: tuple[Crop, ...] = get_args(Crop)

MARGIN = 1.3
"""The side of a box's square, of the box's longer side. Of CelebA's boxes, 1.15 shows as much as the aligned images'
centre; a little more, because heads in the wild are not upright, and hair and hats are attributes."""

# Pixels that a cubic filter sees beyond the place it is asked for.
_REACH = 2


@dataclass(frozen=True)
class Geometry:
    """A square of the image, then an antialiased resize. Proportions are always kept.

    Attributes:
        size: H = W of the result.
        channels: 1 for grey, 3 for RGB.
        crop: Which square. ``centre``, in the middle, has the shorter side; of CelebA's 178x218 pixels, 178x178.
            ``none`` has the longer side, so that nothing is lost: pixels of the image's edge are repeated outwards.
            ``celeba`` has 148/178 of the shorter side: of CelebA, the 148x148 that many VAEs of it are trained on.
            ``box`` is around a box that comes with each image; see `frame_around`.
        white: What is white in images of more than 8 bits; when None, their values say. See `pixels.py`.

    Raises:
        UsageError: an unknown crop.
    """

    size: int
    channels: int = 3
    crop: Crop = "centre"
    white: float | None = None

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise UsageError(f"Unknown crop {self.crop!r}.", nearest(str(self.crop), CROPS))

    def frame(self, width: int, height: int, box: Box | Frame | None = None) -> Frame:
        """The square of an image.

        Args:
            width: Of the image.
            height: Of the image.
            box: What the square is to be around, or the square itself, whatever the crop.

        Raises:
            DataError: no box, where the crop is ``box``; or one that lies outside the image for the most part.
        """
        if isinstance(box, Frame):
            return box
        if box is not None:
            _require_inside(box, width, height)
            return frame_around(box)
        if self.crop == "box":
            raise DataError("Crop box needs a box with each image.", HINT)
        shorter = min(width, height)
        side = {"none": max(width, height), "centre": shorter, "celeba": max(1, round(shorter * 148 / 178))}[self.crop]
        left, top = (width - side) // 2, (height - side) // 2
        return Frame.within((left, top, left + side, top + side))

    def keeps(self, width: int, height: int, box: Box | Frame | None = None) -> bool:
        """Whether an image of this size stays as it is.

        Raises:
            DataError: as `frame`.
        """
        return self.frame(width, height, box).bounds == (0, 0, width, height) == (0, 0, self.size, self.size)

    def apply(self, image: Any, box: Place | None = None) -> Image:
        """What is shown of any file or array, in the model's mode, cropped and resized.

        Args:
            image: See `attredit.data.pixels.colours_of`.
            box: See `frame`; or what finds the square in the image as it is shown.

        Raises:
            DataError: as `frame`, of the upright image; or the square is not found.
            OSError, SyntaxError, ValueError, UsageError: it is no image.
        """
        from PIL import Image as PIL

        seen = shown(image, self.white).convert("L" if self.channels == 1 else "RGB")
        box = box(seen) if callable(box) else box
        if self.keeps(*seen.size, box):
            return seen
        # Cropped first: resize with box= lets the filter reach pixels outside the square.
        return _cut(seen, self.frame(*seen.size, box)).resize((self.size, self.size), PIL.Resampling.BICUBIC)


def frame_around(box: Box, margin: float = MARGIN) -> Frame:
    """The square in whose middle a box lies.

    Args:
        box: The box.
        margin: Its side, of the box's longer side; from 1 on, the square holds all of the box.
    """
    side = max(1, round(max(box.width, box.height) * margin))
    left, top = box.left + (box.width - side) // 2, box.top + (box.height - side) // 2
    return Frame.within((left, top, left + side, top + side))


def no_boxes(where: str, how: str) -> DataError:
    """The error of a data source that is asked for boxes and cannot tell any.

    Args:
        where: What has none.
        how: How it could have some, a sentence.
    """
    others = ", ".join(crop for crop in CROPS if crop != "box")
    return DataError(f"{where} has no boxes, which the crop box needs.", f"{how} Other crops: {others}.")


def _require_inside(box: Box, width: int, height: int) -> None:
    """Make sure that the image has at least half of a box, along both sides: more outside is a mistake."""
    across = min(box.left + box.width, width) - max(box.left, 0)
    down = min(box.top + box.height, height) - max(box.top, 0)
    if 2 * across < box.width or 2 * down < box.height:
        raise DataError(f"Most of the box {box} lies outside the image of {width}x{height} pixels.", HINT)


def extended(pixels: np.ndarray, bounds: Bounds) -> np.ndarray:
    """The part of an image (H, W, ...) that lies in bounds; where they reach beyond it, its edge is repeated."""
    import numpy as np

    (height, width), (left, top, right, bottom) = pixels.shape[:2], bounds
    if min(left, top) >= 0 and right <= width and bottom <= height:
        return pixels[top:bottom, left:right]
    rows, columns = np.arange(top, bottom).clip(0, height - 1), np.arange(left, right).clip(0, width - 1)
    repeated: np.ndarray = pixels[rows[:, None], columns]
    return repeated


def _cut(image: Image, frame: Frame) -> Image:
    """What lies in the square, at the image's own resolution; the image's edge is repeated where it reaches beyond."""
    from PIL import Image as PIL

    if frame.bounds is not None:
        return _rectangle(image, frame.bounds)
    left, top, right, bottom = frame.hull
    left, top = left - _REACH, top - _REACH
    around, pixels = _rectangle(image, (left, top, right + _REACH, bottom + _REACH)), max(1, round(frame.side))
    (x, y), (xu, yu), _, (xv, yv) = frame.corners
    steps = ((xu - x) / pixels, (xv - x) / pixels, x - left, (yu - y) / pixels, (yv - y) / pixels, y - top)
    return around.transform((pixels, pixels), PIL.Transform.AFFINE, steps, PIL.Resampling.BICUBIC)


def _rectangle(image: Image, bounds: Bounds) -> Image:
    import numpy as np
    from PIL import Image as PIL

    return PIL.fromarray(extended(np.asarray(image), bounds))
