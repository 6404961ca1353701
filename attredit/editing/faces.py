"""What the model's square is around in each picture: the box that the user gives, or a face that OpenCV finds.

Faces are found, never recognised: whose they are is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from attredit.data.boxes import HINT, Box, box_of
from attredit.data.geometry import Crop
from attredit.editing.images import Picture
from attredit.errors import DataError, UsageError

_GIVE = "Give its box: --box LEFT,TOP,WIDTH,HEIGHT, in Python box=(left, top, width, height)"
_CASCADE = "haarcascade_frontalface_alt2.xml"
# Photographs are searched at this size; and nobody means a face that is smaller than a twelfth of a photograph.
_SEARCHED, _SMALLEST = 800, 12
# The detector's squares are as wide as CelebA's boxes, which reach further up and down: they begin .12 of a side higher
# and are 1.4 sides high. So say eyes and mouths, by CelebA's landmarks and on a photograph.
_ABOVE, _HEIGHT = 0.12, 1.4


def placed(pictures: Sequence[Picture], boxes: Any, many: bool, crop: Crop) -> list[Picture]:
    """Pictures with their boxes.

    Args:
        pictures: As they were read.
        boxes: Left, top, width and height of the box; of many pictures a list with one for each, None where it is not
            said; or None.
        many: Whether pictures came as many.
        crop: The run's. Where it is ``box``, a box that is not said is that of the largest face.

    Raises:
        UsageError: what is no box, or not as many as pictures; or a face has to be found, and OpenCV is missing.
        DataError: no face is found.
    """
    if boxes is None:
        boxes = [None] * len(pictures)
    elif not many:
        boxes = [boxes]
    if not hasattr(boxes, "__len__") or len(boxes) != len(pictures):
        raise UsageError(f"One box for each of {len(pictures)} images is needed.", "Give a list of as many.")
    given = [None if box is None else checked(box) for box in boxes]
    if crop == "box":
        given = [_face_of(p, i) if box is None else box for i, (p, box) in enumerate(zip(pictures, given, strict=True))]
    return [replace(picture, box=box) for picture, box in zip(pictures, given, strict=True)]


def checked(box: Any) -> Box:
    """Four numbers, or a text of four with commas, as a box.

    Raises:
        UsageError: they are none.
    """
    found = box_of(box.split(",") if isinstance(box, str) else box)
    if isinstance(found, str):
        raise UsageError(f"{box!r} is no box.", HINT)
    return found


def largest_face(image: Image.Image) -> Box | None:
    """The box of the largest frontal face, drawn as CelebA's are; None where none is found.

    Raises:
        UsageError: OpenCV is not installed, or not with its cascades.
    """
    detector, grey = _detector(), image.convert("L")
    grey.thumbnail((_SEARCHED, _SEARCHED))
    smallest = max(1, min(grey.size) // _SMALLEST)
    found = detector.detectMultiScale(np.asarray(grey), minNeighbors=5, minSize=(smallest, smallest))
    if not len(found):
        return None
    left, top, side = (float(number) for number in max(found, key=lambda square: int(square[2]))[:3])
    scale = image.width / grey.width
    return Box(*(round(scale * n) for n in (left, top - _ABOVE * side, side, _HEIGHT * side)))


def _face_of(picture: Picture, number: int) -> Box:
    box = largest_face(picture.pil)
    if box is None:
        raise DataError(f"No face is found in {picture.name or f'image {number}'}.", f"{_GIVE}.")
    return box


def _detector() -> Any:
    try:
        from cv2 import CascadeClassifier
        from cv2.data import haarcascades
    except ImportError:  # also of version 5, which has no cascades any more
        missing = "No box is given, and OpenCV 4, which would find a face, is not installed."
        raise UsageError(missing, f"{_GIVE}, or pip install 'attredit[faces]'.") from None
    return CascadeClassifier(f"{haarcascades}{_CASCADE}")
