"""A face that OpenCV finds, for runs that have not learnt to find their frame themselves and need a box.

Faces are found, never recognised: whose they are is nobody's business here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from attredit.data.boxes import Box
from attredit.errors import UsageError

GIVE = "Give its box: --box LEFT,TOP,WIDTH,HEIGHT, in Python box=(left, top, width, height)"
_CASCADE = "haarcascade_frontalface_alt2.xml"
# Photographs are searched at this size; and nobody means a face that is smaller than a twelfth of a photograph.
_SEARCHED, _SMALLEST = 800, 12
# The detector's squares are as wide as CelebA's boxes, which reach further up and down: they begin .12 of a side higher
# and are 1.4 sides high. So say eyes and mouths, by CelebA's landmarks and on a photograph.
_ABOVE, _HEIGHT = 0.12, 1.4


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


def _detector() -> Any:
    try:
        from cv2 import CascadeClassifier
        from cv2.data import haarcascades
    except ImportError:  # also of version 5, which has no cascades any more
        missing = "No box is given, and OpenCV 4, which would find a face, is not installed."
        raise UsageError(missing, f"{GIVE}, or pip install 'attredit[faces]'.") from None
    return CascadeClassifier(f"{haarcascades}{_CASCADE}")
