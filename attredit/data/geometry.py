"""From an image of any size to the model's square, the same way for training and editing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from attredit.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Geometry:
    """Centre square crop of the shorter side, then an antialiased resize; CelebA's 178x178 crop is exactly this.

    Attributes:
        size: H = W of the result, in pixels.
        channels: 1 for grey, 3 for RGB.
        crop: "centre", the only one there is; named, so that a run's config.json says what was done.

    Raises:
        UsageError: a size below 1, channels other than 1 and 3, or an unknown crop.
    """

    size: int
    channels: int = 3
    crop: str = "centre"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"An image size of {self.size} is impossible.", "Sizes are whole numbers from 1.")
        if self.channels not in (1, 3):
            raise UsageError(f"Images cannot have {self.channels} channels.", "Use 1 for grey or 3 for RGB.")
        if self.crop != "centre":
            raise UsageError(f"Unknown crop {self.crop!r}.", "Known: centre.")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """The inverse of `to_json`."""
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, for config.json."""
        return asdict(self)

    @staticmethod
    def box(width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels of the centre square of an image that is upright already."""
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def apply(self, image: Image) -> Image:
        """Rotate as EXIF says, convert to the model's mode, crop and resize; the same bytes every time.

        Raises:
            DataError: pixels of an unknown range (floating point, 32 bits).
        """
        from PIL import Image as PIL
        from PIL import ImageOps

        image = convert(ImageOps.exif_transpose(image), self.channels)
        box = self.box(*image.size)
        if box != (0, 0, *image.size):
            # Not resize(box=...): its filter also reads pixels beyond the box.
            image = image.crop(box)
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), PIL.Resampling.BICUBIC)
        return image


def convert(image: Image, channels: int) -> Image:
    """To 8 bits of grey (1 channel) or RGB (3 channels); transparency over white; 16-bit grey scaled, not clipped.

    Raises:
        DataError: pixels of an unknown range (floating point, 32 bits).
    """
    from PIL import Image as PIL

    mode = "L" if channels == 1 else "RGB"
    if image.mode[0] in "IF":
        image = _eight_bits(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = PIL.alpha_composite(PIL.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image) -> Image:
    """16-bit grey, which Pillow itself would clip at 255; mode I holds it too, from PNG files in older Pillows."""
    import numpy as np
    from PIL import Image as PIL

    pixels = np.asarray(image).astype(np.int64) if image.mode != "F" else np.array([-1])
    if pixels.min() < 0 or pixels.max() > 65535:
        raise DataError(f"Pixels of mode {image.mode} have no known range.", "Convert the image to 8 or 16 bits.")
    return PIL.fromarray(((pixels + 128) // 257).astype(np.uint8))
