"""Images as people have them, in and out: paths, PIL, NumPy, tensors; single or many; any size or mode.

Used by the editor alone. Training never comes here: it reads the prepared store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from attredit.data.boxes import Box
from attredit.data.geometry import eight_bit
from attredit.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

Output = Literal["pil", "numpy", "tensor"]


@dataclass(frozen=True)
class Picture:
    """One image at its own resolution.

    Attributes:
        pixels: (H, W, C) with C 1 or 3; uint8, or float32 in [0, 1] when it came so.
        alpha: (H, W) uint8, or None.
        name: Of its file; "" when it came otherwise.
        box: What the model's square is to be around; None where it lies as in training.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    name: str = ""
    box: Box | None = None

    @property
    def pil(self) -> Image.Image:
        """As an 8-bit PIL image without alpha."""
        return _to_pil(self.pixels)


def read(value: Any) -> tuple[list[Picture], bool]:
    """Pictures from anything that holds images, and whether it held many.

    Raises:
        DataError: a file that is missing or no image.
        UsageError: an array or object that is no image.
    """
    if isinstance(value, str | Path):
        return [_from_file(Path(value))], False
    if isinstance(value, Image.Image):
        return [_from_pil(value)], False
    if isinstance(value, list | tuple):
        if not value:
            raise UsageError("There is no image.", "Give at least one.")
        return [p for v in value for p in read(v)[0]], True
    array = _as_array(value)
    if array.ndim == 4:
        return [_from_array(a) for a in array], True
    return [_from_array(array)], False


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


def as_float(pixels: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0, 1]; floats unchanged."""
    return pixels.astype(np.float32) / 255.0 if pixels.dtype == np.uint8 else pixels.astype(np.float32)


def as_dtype(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """float32 in [0, 1] to the dtype of `like`, rounded to the nearest."""
    return to_bytes(pixels) if like.dtype == np.uint8 else pixels.astype(np.float32)


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Float in [0, 1] to uint8, rounded to the nearest."""
    return np.rint(pixels.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def _from_file(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            image.load()
            return replace(_from_pil(image), name=str(path))
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(f"{path} cannot be read: {reason}.", "Give an image file that opens elsewhere.") from error


def _from_pil(image: Image.Image) -> Picture:
    image = ImageOps.exif_transpose(image)
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    image = eight_bit(image)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    pixels = np.asarray(image.convert(mode))
    return Picture(pixels[..., None] if pixels.ndim == 2 else pixels, alpha)


def _as_array(value: Any) -> np.ndarray:
    """NumPy (H, W), (H, W, C), (B, H, W, C), or a tensor (C, H, W), (B, C, H, W), as an array with channels last."""
    if isinstance(value, np.ndarray):
        array = value[..., None] if value.ndim == 2 else value
    elif type(value).__module__.startswith("torch"):
        tensor: Tensor = value
        array = np.moveaxis(tensor.detach().cpu().numpy(), -3, -1) if tensor.ndim in (3, 4) else np.empty(0)
    else:
        raise UsageError(f"A {type(value).__name__} is no image.", "Give a path, a PIL image, an array or a tensor.")
    if array.ndim not in (3, 4) or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise UsageError(
            f"An array of shape {tuple(value.shape)} is no image.",
            "NumPy images are (H, W, C) or (B, H, W, C), tensors (C, H, W) or (B, C, H, W), with 1, 3 or 4 channels.",
        )
    return array


def _from_array(array: np.ndarray) -> Picture:
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"Pixels of type {array.dtype} are ambiguous.", "Use uint8, or floats in [0, 1].")
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise UsageError("Float pixels must lie in [0, 1].", "Divide by their largest possible value.")
        array = array.astype(np.float32)
    if array.shape[-1] == 4:
        alpha = array[..., 3] if array.dtype == np.uint8 else to_bytes(array[..., 3])
        return Picture(array[..., :3], alpha)
    return Picture(array)


def _to_pil(pixels: np.ndarray) -> Image.Image:
    array = pixels if pixels.dtype == np.uint8 else to_bytes(pixels)
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array))


def _with_alpha(picture: Picture) -> Image.Image:
    image = picture.pil
    if picture.alpha is not None and picture.alpha.shape == picture.pixels.shape[:2]:
        image = image.convert("RGBA") if image.mode == "RGB" else image.convert("LA")
        image.putalpha(Image.fromarray(np.ascontiguousarray(picture.alpha)))
    return image
