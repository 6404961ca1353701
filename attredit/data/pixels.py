"""From any file, array or tensor to the colours of a picture, the one way for training and for editing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attredit.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

WHITES = (255, 1023, 4095, 16383, 65535, 2**31 - 1)
"""What may be white in pictures of more than 8 bits: cameras and scanners write 10, 12 and 14 of them into 16."""

_FLOATS = (1, 255, 65535)
_GIVE = "Give a path, a PIL image, an array or a tensor."


class Colours(NamedTuple):
    """A picture as it lies in its file, turned upright.

    Attributes:
        pixels: (H, W, C) with C 1 or 3; uint8, or float32 in [0, 1] when it came so. What lies below full transparency
            may be anything.
        alpha: (H, W) uint8, or None.
        white: What was taken for white, if it had more than 8 bits.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    white: float | None = None

    @property
    def shown(self) -> Image:
        """8 bits, grey or RGB, over white: what people see, and models."""
        from PIL import Image as PIL

        image = as_pil(self.pixels)
        if self.alpha is None:
            return image
        mode, image = image.mode, image.convert("RGBA")
        image.putalpha(PIL.fromarray(np.ascontiguousarray(self.alpha)))
        return PIL.alpha_composite(PIL.new("RGBA", image.size, "white"), image).convert(mode)


def shown(value: Any, white: float | None = None) -> Image:
    """What people see of a picture, and models: 8 bits, grey or RGB, upright, over white.

    Args:
        value: See `colours_of`.
        white: See `colours_of`.

    Raises:
        OSError, SyntaxError, ValueError, DataError, UsageError: see `colours_of`.
    """
    from PIL import Image as PIL

    value = read_file(value)
    if isinstance(value, PIL.Image):
        image: Image = upright(value)
        if image.mode in ("L", "RGB") and "transparency" not in image.info:
            return image
    return colours_of(value, white).shown


def colours_of(value: Any, white: float | None = None) -> Colours:
    """The colours of one picture.

    Args:
        value: A path, the bytes of a file, a dictionary with either as `datasets` has them, a PIL image, an array
            (H, W) or (H, W, C), or a tensor (C, H, W); uint8, uint16, or floats in [0, 1].
        white: What is white in a picture of more than 8 bits; when None, its values say; see `white_of`.

    Raises:
        OSError, SyntaxError, ValueError: PIL cannot open or decode it.
        DataError: values beyond white, or below 0.
        UsageError: it is no picture.
    """
    from PIL.Image import Image

    value = read_file(value)
    return _of_pil(value, white) if isinstance(value, Image) else _of_array(as_array(value), white)


def read_file(value: Any) -> Any:
    """A file as PIL has it, or (H, W, 3 or 4) uint16 where it has colours of 16 bits; anything else as it is."""
    if isinstance(value, Mapping):
        value = value["path"] if value.get("bytes") is None else value["bytes"]
    if not isinstance(value, str | Path | bytes):
        return value
    with _opened(value) as image:
        if not _deep_colours(image):
            image.load()
            return image
    # Of two bytes, the high one first, PIL keeps the first. Told that the low one comes first, it keeps the second.
    first, second = (np.asarray(_bytes_of(value, order), np.uint16) for order in "BL")
    return first << 8 | second


def _opened(file: str | Path | bytes) -> ImageFile:
    from PIL import Image as PIL

    return PIL.open(BytesIO(file) if isinstance(file, bytes) else file)


def _deep_colours(image: ImageFile) -> bool:
    return image.format == "PNG" and [tile[3] for tile in image.tile] in (["RGB;16B"], ["RGBA;16B"])


def _bytes_of(file: str | Path | bytes, order: str) -> Image:
    with _opened(file) as image:
        image.tile = [(kind, box, place, f"{image.mode};16{order}") for kind, box, place, _ in image.tile]  # type: ignore[misc]
        image.load()
        return image


def upright(image: Image) -> Image:
    """Turned as EXIF says."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _of_pil(image: Image, white: float | None = None) -> Colours:
    image = upright(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _of_deep(np.asarray(image)[..., None], white)
    mode, alpha = "L" if image.mode in ("1", "L", "LA") else "RGB", None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    pixels = np.asarray(image.convert(mode))
    return Colours(pixels[..., None] if pixels.ndim == 2 else pixels, alpha)


def as_array(value: Any) -> np.ndarray:
    """NumPy (H, W), (H, W, C), (B, H, W, C), or a tensor (C, H, W), (B, C, H, W), as an array with channels last.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(value, np.ndarray):
        array = value[..., None] if value.ndim == 2 else value
    elif type(value).__module__.startswith("torch"):
        array = np.moveaxis(value.detach().cpu().numpy(), -3, -1) if value.ndim in (3, 4) else np.empty(0)
    else:
        raise UsageError(f"A {type(value).__name__} is no image.", _GIVE)
    if array.ndim not in (3, 4) or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise UsageError(
            f"An array of {array.dtype} {tuple(value.shape)} is no image.",
            "NumPy images are (H, W, C) or (B, H, W, C), tensors (C, H, W) or (B, C, H, W), with 1, 3 or 4 channels.",
        )
    return array


def _of_array(array: np.ndarray, white: float | None = None) -> Colours:
    if array.ndim != 3:
        raise UsageError(f"An array of {array.dtype} {array.shape} is several images.", "Give one.")
    if array.dtype == np.uint16:
        return _of_deep(array, white)
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"Pixels of type {array.dtype} are ambiguous.", "Use uint8, or floats in [0, 1].")
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise UsageError("Float pixels must lie in [0, 1].", "Divide by their largest possible value.")
        array = array.astype(np.float32)
    if array.shape[-1] < 4:
        return Colours(array)
    return Colours(array[..., :3], array[..., 3] if array.dtype == np.uint8 else to_bytes(array[..., 3]))


def _of_deep(values: np.ndarray, white: float | None) -> Colours:
    """More than 8 bits, which become 8. What is opaque need not be the same number as what is white."""
    colours, alpha = values[..., :3], values[..., 3] if values.shape[-1] == 4 else None
    white = white_of(colours) or 255 if white is None else white
    return Colours(scaled(colours, white), None if alpha is None else scaled(alpha, white_of(alpha) or 255), white)


def whites_in(values: Sequence[Any]) -> list[float]:
    """What is white in each of some pictures that has more than 8 bits, the least first; in all of them it is the last.

    Args:
        values: Pictures, see `colours_of`; what cannot be read is passed over.
    """
    return sorted(white for value in values if (white := _white_in(value)) is not None)


def _white_in(value: Any) -> float | None:
    try:
        if isinstance(value, Mapping):
            # Without decoding what has 8 bits.
            with _opened(value["path"] if value.get("bytes") is None else value["bytes"]) as image:
                if not (image.mode.startswith("I") or image.mode == "F" or _deep_colours(image)):
                    return None
        values = np.asarray(read_file(value))
        values = values[..., :3] if values.shape[2:] == (4,) else values
        # Nested lists, which `datasets` makes of arrays, do not say how many bits they had.
        return None if isinstance(value, list) and values.max() <= 255 else white_of(values)
    except Exception:  # broken images raise anything, and are told of when all are decoded
        return None


def white_of(values: np.ndarray) -> float | None:
    """What is white in a picture of more than 8 bits: the least that there is, and that is no less than its values.

    None where it has 8 bits: then 255 is.

    Raises:
        DataError: a value is no number.
    """
    if values.dtype in (np.uint8, np.bool_):
        return None
    most = float(values.max())
    if not np.isfinite(most):
        raise DataError("It has values that are no numbers.")
    known = _FLOATS if np.issubdtype(values.dtype, np.floating) else WHITES
    return next((white for white in known if most <= white), most)


def remark(whites: Sequence[float]) -> str:
    """What is to be said of pictures whose values do not say themselves what is white; "" where they do.

    Args:
        whites: See `whites_in`.
    """
    if not whites:
        return ""
    white, usual = whites[-1], whites[len(whites) // 2]
    said = f"more than 8 bits, and {white:,g} is taken for white"
    if usual < white:
        return f"{said}, which some of them need; most have no value beyond {usual:,g} and become dark"
    return "" if white in (1, 65535) else said


def scaled(values: np.ndarray, white: float) -> np.ndarray:
    """Values from 0 to white as uint8.

    Raises:
        DataError: some are below 0, beyond white, or no number.
    """
    least, most = values.min(), values.max()
    if not np.isfinite(most):
        raise DataError("It has values that are no numbers.")
    if not 0 <= least <= most <= white:
        raise DataError(f"It has values from {least:g} to {most:g}, where 0 is black and {white:g} white.")
    if np.issubdtype(values.dtype, np.floating):
        return to_bytes(values / white)
    # The high bits, as PIL takes of colours.
    return (values.astype(np.int64) * 256 // (int(white) + 1)).astype(np.uint8)


def as_pil(pixels: np.ndarray) -> Image:
    """(H, W, 1 or 3) uint8, or floats in [0, 1], as 8 bits."""
    from PIL import Image as PIL

    array = pixels if pixels.dtype == np.uint8 else to_bytes(pixels)
    return PIL.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array))


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Float in [0, 1] to uint8, rounded to the nearest."""
    return np.rint(pixels.clip(0.0, 1.0) * 255.0).astype(np.uint8)
