"""Pictures that were dropped on the page. They are kept in memory, and only as long as there is room."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image

from attredit.data.frames import Frame
from attredit.data.pixels import as_pil, colours_of
from attredit.editing.images import opening, profile_of
from attredit.errors import DataError

ROOM = 2**30
"""Bytes of pixels that are kept; what was dropped first goes first."""

_AROUND = 0.3  # so much of the frame's side is seen around it, close up


@dataclass(frozen=True)
class Framed:
    """A picture, and where the model's square lies in it.

    Attributes:
        pixels: (H, W, C) uint8 with C 1, 3, or 4 where it has transparency.
        frame: In its pixels.
    """

    pixels: np.ndarray
    frame: Frame

    @property
    def image(self) -> Image.Image:
        """As PIL has it."""
        return Image.fromarray(self.pixels) if self.pixels.shape[-1] == 4 else as_pil(self.pixels)

    def close(self) -> Framed:
        """What lies around the frame."""
        height, width = self.pixels.shape[:2]
        around = round(_AROUND * self.frame.side)
        left, top, right, bottom = self.frame.hull
        left, top = max(0, min(left - around, width - 1)), max(0, min(top - around, height - 1))
        right, bottom = min(width, max(right + around, left + 1)), min(height, max(bottom + around, top + 1))
        moved = self.frame._replace(x=self.frame.x - left, y=self.frame.y - top)
        return Framed(self.pixels[top:bottom, left:right], moved)

    def within(self, side: int) -> Framed:
        """The same, its longer side no longer than that."""
        height, width = self.pixels.shape[:2]
        scale = side / max(height, width)
        if scale >= 1:
            return self
        image = self.image.resize((max(1, round(width * scale)), max(1, round(height * scale))))
        x, y, length, angle = self.frame
        return Framed(
            np.asarray(image).reshape(image.height, image.width, -1), Frame(x * scale, y * scale, length * scale, angle)
        )


@dataclass(frozen=True)
class Dropped:
    """One picture.

    Attributes:
        key: Whoever knows it may see the picture.
        name: Of its file.
        pixels: As of `Framed`.
        profile: See `Picture`.
    """

    key: str
    name: str
    pixels: np.ndarray
    profile: bytes | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


class Album:
    """Pictures by key; several threads may use it."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, Dropped] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, data: bytes, name: str) -> Dropped:
        """Keep a picture.

        Args:
            data: The bytes of its file.
            name: Of its file; what lies before it is forgotten.

        Raises:
            DataError: it is no image, or a broken one.
        """
        name = PurePath(name.replace("\\", "/")).name or "picture"
        dropped = Dropped(secrets.token_urlsafe(16), name, _read(data, name), profile_of(data))
        with self._lock:
            self._pictures[dropped.key] = dropped
            while len(self._pictures) > 1 and sum(kept.pixels.nbytes for kept in self._pictures.values()) > ROOM:
                self._pictures.popitem(last=False)
        return dropped

    def __getitem__(self, key: str) -> Dropped:
        """A picture.

        Raises:
            DataError: it was never here, or is not any more.
        """
        with self._lock:
            if key not in self._pictures:
                raise DataError("This picture is not here any more.", "Drop it again.")
            self._pictures.move_to_end(key)
            return self._pictures[key]


def _read(data: bytes, name: str) -> np.ndarray:
    with opening(name, "Take an image file that opens elsewhere."):
        colours = colours_of(data)
    if colours.alpha is None:
        return colours.pixels
    rgb = np.broadcast_to(colours.pixels, (*colours.pixels.shape[:2], 3))
    return np.dstack([rgb, colours.alpha])
