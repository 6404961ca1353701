"""Images as people have them, in and out: paths, PIL, NumPy, tensors; single or many; any size or mode.

Used by the editor alone. Training never comes here: it reads the prepared store.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from attredit.data.pixels import Colours, as_array, as_pil, colours_of, remark, to_bytes
from attredit.errors import DataError, DataWarning, UsageError
from attredit.framing.search import Found

Output = Literal["pil", "numpy", "tensor"]


@dataclass(frozen=True)
class Picture:
    """One image at its own resolution.

    Attributes:
        pixels: (H, W, C) with C 1 or 3; uint8, or float32 in [0, 1] when it came so.
        alpha: (H, W) uint8, or None.
        name: Of its file; "" when it came otherwise.
        profile: What its colours mean, as an ICC profile: without it, the same numbers would mean others.
        found: Where the model's square lies, once that is known.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    name: str = ""
    profile: bytes | None = None
    found: Found | None = None

    @property
    def pil(self) -> Image.Image:
        """What people see, and models: 8 bits, over white."""
        return Colours(self.pixels, self.alpha).shown

    @property
    def seen(self) -> np.ndarray:
        """(H, W, C) float in [0, 1]: the same, with all bits that there are where nothing is transparent."""
        shown = self.pixels if self.alpha is None else np.asarray(self.pil).reshape(self.pixels.shape)
        return as_float(shown)


def read(value: Any, white: float | None = None) -> tuple[list[Picture], bool]:
    """Pictures from anything that holds images, and whether it held many.

    Args:
        value: See `Editor`.
        white: What is white in images of more than 8 bits, where that is known; else their values say.

    Raises:
        DataError: a file that is missing or no image.
        UsageError: an array or object that is no image.
    """
    if isinstance(value, str | Path):
        return [_from_file(Path(value), white)], False
    if isinstance(value, Image.Image):
        return [_picture(value, white)], False
    if isinstance(value, list | tuple):
        if not value:
            raise UsageError("There is no image.", "Give at least one.")
        return [p for v in value for p in read(v, white)[0]], True
    array = as_array(value)
    if array.ndim == 4:
        return [_picture(a, white) for a in array], True
    return [_picture(array, white)], False


def write(pictures: Sequence[Picture], many: bool, output: Output) -> Any:
    """The inverse of `read`: PIL images, an array (H, W, C), or a tensor (C, H, W) in [0, 1]; many: a list or a batch.

    Raises:
        UsageError: pictures of different sizes cannot become one batch, or an unknown output.
    """
    if output == "pil":
        images = [_with_alpha(p) for p in pictures]
        return images if many else images[0]
    if output not in ("numpy", "tensor"):
        raise UsageError(f"Unknown output {output!r}.", "Use pil, numpy or tensor.")
    if len({p.pixels.shape for p in pictures}) > 1:
        raise UsageError("Images of different sizes cannot be one batch.", "Use output='pil', or one image at a time.")
    arrays = np.stack([p.pixels for p in pictures])
    if output == "tensor":
        import torch

        tensor = torch.from_numpy(as_float(arrays)).permute(0, 3, 1, 2)
        return tensor if many else tensor[0]
    return arrays if many else arrays[0]


def profile_of(value: Any) -> bytes | None:
    """The colour profile of a file, its bytes, or a PIL image; None where it has none, or is none of these."""
    if isinstance(value, str | Path | bytes):
        with Image.open(BytesIO(value) if isinstance(value, bytes) else value) as image:
            return profile_of(image)
    # Of other modes, such as CMYK, the pixels were converted and the profile no longer describes them.
    kept = isinstance(value, Image.Image) and value.mode in ("RGB", "RGBA", "P", "L", "LA")
    return value.info.get("icc_profile") if kept else None


def as_float(pixels: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0, 1]; floats unchanged."""
    return pixels.astype(np.float32) / 255.0 if pixels.dtype == np.uint8 else pixels.astype(np.float32)


def as_dtype(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """float32 in [0, 1] to the dtype of `like`, rounded to the nearest."""
    return to_bytes(pixels) if like.dtype == np.uint8 else pixels.astype(np.float32)


def _from_file(path: Path, white: float | None) -> Picture:
    with opening(str(path), "Give an image file that opens elsewhere."):
        return _picture(path, white, str(path))


@contextmanager
def opening(name: str, hint: str) -> Iterator[None]:
    """Makes a sentence of whatever decoders raise of a picture that is broken, or none.

    Raises:
        DataError: that sentence, and the hint.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"There is no file {name}.") from None
    except DataError as error:
        raise DataError(f"{name} cannot be read: {error.message}", error.hint) from error
    except MemoryError:
        raise
    except Exception as error:  # broken files make decoders raise anything
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
        raise DataError(f"{name} cannot be read: {reason}.", hint) from error


def _picture(value: Any, white: float | None, name: str = "") -> Picture:
    colours = colours_of(value, white)
    if white is None and colours.white and (said := remark([colours.white])):
        warnings.warn(f"{name or 'A picture'} has {said}.", DataWarning, stacklevel=4)
    return Picture(colours.pixels, colours.alpha, name, profile_of(value))


def under(picture: Picture, seen: np.ndarray) -> np.ndarray:
    """The picture's own colours, of which over white (H, W, C) float in [0, 1] is seen; what nobody sees stays."""
    if picture.alpha is None:
        return seen
    alpha, own = picture.alpha[..., None].astype(np.float32) / 255.0, as_float(picture.pixels)
    return np.where(alpha > 0, (seen - 1.0 + alpha) / np.maximum(alpha, 1e-3), own).clip(0.0, 1.0)


def _with_alpha(picture: Picture) -> Image.Image:
    image = as_pil(picture.pixels)
    if picture.alpha is not None and picture.alpha.shape == picture.pixels.shape[:2]:
        image = image.convert("RGBA") if image.mode == "RGB" else image.convert("LA")
        image.putalpha(Image.fromarray(np.ascontiguousarray(picture.alpha)))
    if picture.profile is not None:
        image.info["icc_profile"] = picture.profile
    return image
