"""Between a picture's pixels and the decoder's: a frame that is upright is resized, any other is turned as well."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data.frames import Frame

Size = tuple[int, int]
"""H, W."""

# Shrunk by more than this, images are averaged.
_MOST = 1.6


class Upright:
    """The frame is all of the picture's pixels.

    Args:
        size: How many they are.
    """

    def __init__(self, size: Size) -> None:
        self._size = size

    def to_decoder(self, images: Tensor, size: Size) -> Tensor:
        """(B, C, H, W) of the picture to (B, C, *size); `images` themselves where both are the same."""
        return _enlarged(images, size) if size[0] > images.shape[-2] else _resized(images, size)

    def to_picture(self, images: Tensor, sharp: bool = False) -> Tensor:
        """(B, C, h, w) at the decoder's size to (B, C, H, W) of the picture; outside the frame zero.

        Args:
            images: To be brought there.
            sharp: They have detail that is to stay: what is averaged, or mixed of four pixels, loses it.
        """
        return _enlarged(images, self._size) if sharp and _near(self._size[0], images) else _resized(images, self._size)


class Turned:
    """The frame is turned, or lies between pixels: each place is looked up in the other image.

    Args:
        frame: Where it lies.
        size: How many pixels there are.
    """

    def __init__(self, frame: Frame, size: Size) -> None:
        self._frame, self._size, self._side = frame, size, max(1, round(frame.side))
        u, v = frame.seen(_middles(size[1]), _middles(size[0])[:, None])
        self._seen = torch.stack([u, v], 2)[None]
        self._inside = (self._seen.abs().amax(3) <= 1.0)[:, None]

    def to_decoder(self, images: Tensor, size: Size) -> Tensor:
        """See `Upright`."""
        count = max(self._side, *size)
        places = _middles(count) * 2.0 / count - 1.0
        x, y = self._frame.place(places, places[:, None])
        places = torch.stack([x * 2.0 / self._size[1] - 1.0, y * 2.0 / self._size[0] - 1.0], 2)[None]
        return _resized(_looked_up(images, places, "bicubic"), size)

    def to_picture(self, images: Tensor, sharp: bool = False) -> Tensor:
        """See `Upright`."""
        if self._side < images.shape[-1] and not (sharp and _near(self._side, images)):
            images = _resized(images, (self._side, self._side))
        return _looked_up(images, self._seen, "bicubic" if sharp else "bilinear") * self._inside


Placing = Upright | Turned
"""How pixels around a frame, and those that the decoder saw of them, become each other."""


def placing(frame: Frame, size: Size) -> Placing:
    """How a frame lies in pixels of this size that hold it, from whose upper left corner it is measured."""
    return Upright(size) if frame.bounds == (0, 0, size[1], size[0]) else Turned(frame, size)


def _middles(count: int) -> Tensor:
    """Of so many pixels in a row."""
    return torch.arange(count) + 0.5


def _looked_up(images: Tensor, places: Tensor, mode: str) -> Tensor:
    return F.grid_sample(images, places.expand(len(images), -1, -1, -1), mode, "border", align_corners=False)


def _near(side: int, images: Tensor) -> bool:
    """Whether images are so little larger than that that single pixels of theirs tell all."""
    return images.shape[-1] < _MOST * side


def _enlarged(images: Tensor, size: Size) -> Tensor:
    """By as many pixels around each as `_looked_up` takes."""
    return F.interpolate(images, size=size, mode="bicubic", align_corners=False)


def _resized(images: Tensor, size: Size) -> Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
