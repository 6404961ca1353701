"""From an image of any size to the model's square, the same way for training and editing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Geometry:
    """Centre square crop of the shorter side, then an antialiased resize; of CelebA's 178x218, its 178x178 crop.

    Attributes:
        size: H = W of the result.
        channels: 1 for grey, 3 for RGB.
    """

    size: int
    channels: int = 3

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """The inverse of `to_json`."""
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, for config.json."""
        return asdict(self)

    @staticmethod
    def box(width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the centre square."""
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def apply(self, image: Image) -> Image:
        """Rotate as EXIF says, convert to the model's mode, crop and resize."""
        from PIL import Image as PIL
        from PIL import ImageOps

        image = convert(ImageOps.exif_transpose(image), self.channels)
        box = self.box(*image.size)
        if image.size == (self.size, self.size):
            return image
        # Cropped first: resize with box= lets the filter reach pixels outside the box.
        return image.crop(box).resize((self.size, self.size), PIL.Resampling.BICUBIC)


def convert(image: Image, channels: int) -> Image:
    """To grey or RGB of 8 bits; transparency over white; 16-bit grey is scaled, not clipped."""
    from PIL import Image as PIL

    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode:
        return image
    image = eight_bit(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.new("RGBA", image.size, "white")
        image = PIL.alpha_composite(white, image)
    return image.convert(mode)


def eight_bit(image: Image) -> Image:
    """16-bit grey scaled to 8 bits, because PIL's own conversion clips at 255; any other image as it is."""
    if not image.mode.startswith("I"):
        return image
    import numpy as np
    from PIL import Image as PIL

    return PIL.fromarray((np.asarray(image, np.int64) >> 8).clip(0, 255).astype(np.uint8))
