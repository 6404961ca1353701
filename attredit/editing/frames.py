"""Where the model's square lies in each picture: where the user says, or where the frame network finds it.

What the training images show is found, never recognised: whose face it is is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL.Image import Image

from attredit.data.boxes import HINT, Box, box_of
from attredit.data.frames import Frame
from attredit.data.geometry import Geometry
from attredit.editing.images import Picture
from attredit.errors import DataError, UsageError
from attredit.framing.network import FrameNetwork
from attredit.framing.search import Found, find

GIVE = "Give its box: --box LEFT,TOP,WIDTH,HEIGHT, in Python box=(left, top, width, height)"


def placed(
    pictures: Sequence[Picture], boxes: Any, many: bool, geometry: Geometry, network: FrameNetwork | None
) -> list[Picture]:
    """Pictures with where the model's square lies in each, and how sure that is: 1 of what is said, or as in training.

    Args:
        pictures: As they were read.
        boxes: What `checked` takes; of many pictures a list with one for each, None where it is not said; or None.
        many: Whether pictures came as many.
        geometry: The run's.
        network: Finds what is not said; None where the run has none, and squares lie as its crop says.

    Raises:
        UsageError: what is no box, or not as many as pictures; or a box is needed, and none is said.
        DataError: a box outside its picture, or nothing is found in one.
    """
    if boxes is None:
        boxes = [None] * len(pictures)
    elif not many:
        boxes = [boxes]
    if not hasattr(boxes, "__len__") or len(boxes) != len(pictures):
        raise UsageError(f"One box for each of {len(pictures)} images is needed.", "Give a list of as many.")
    given = [None if box is None else box_or_frame(box) for box in boxes]
    return [
        replace(picture, found=_placed(picture, box, geometry, network, i))
        for i, (picture, box) in enumerate(zip(pictures, given, strict=True))
    ]


def box_or_frame(box: Any) -> Box | Frame:
    """Four numbers, or a text of four with commas, as a box; a frame, or what was found, as a frame.

    Raises:
        UsageError: it is none.
    """
    if isinstance(box, Frame | Found):
        return box.frame if isinstance(box, Found) else box
    read = box_of(box.split(",") if isinstance(box, str) else box)
    if isinstance(read, str):
        raise UsageError(f"{box!r} is no box.", HINT)
    return read


def subjects(picture: Picture, geometry: Geometry, network: FrameNetwork, number: int = 0) -> list[Found]:
    """All that a picture shows of what the training images show, the surest first.

    Raises:
        DataError: nothing is found.
    """
    found = sought(picture.pil, geometry, network)
    if not found:
        where = picture.name or f"image {number}"
        raise DataError(f"No frame found in {where}: nothing in it looks like the training images.", f"{GIVE}.")
    return found


def sought(image: Image, geometry: Geometry, network: FrameNetwork) -> list[Found]:
    """The same of an image as it is shown; none where there is none."""
    usual = None if geometry.crop == "box" else geometry.frame(*image.size)
    return find(image.convert("L" if geometry.channels == 1 else "RGB"), network, usual)


def _placed(
    picture: Picture, box: Box | Frame | None, geometry: Geometry, network: FrameNetwork | None, number: int
) -> Found:
    if box is None and network is not None:
        return subjects(picture, geometry, network, number)[0]
    if box is None and geometry.crop == "box":
        where = picture.name or f"image {number}"
        raise UsageError(f"No box is given for {where}, and the run has not learnt to find its frame.", f"{GIVE}.")
    height, width = picture.pixels.shape[:2]
    return Found(geometry.frame(width, height, box), 1.0)
