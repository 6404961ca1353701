"""From an image of any size to the model's square, the same way for training and editing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from attredit.errors import UsageError, nearest

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
Crop = Literal["none", "centre", "celeba"]
CROPS: tuple[Crop, ...] = get_args(Crop)


@dataclass(frozen=True)
class Geometry:
    """A square of the image, then an antialiased resize. Proportions are always kept.

    Attributes:
        size: H = W of the result.
        channels: 1 for grey, 3 for RGB.
        crop: Which square, in the middle. ``centre`` has the shorter side; of CelebA's 178x218 pixels, 178x178.
            ``none`` has the longer side, so that nothing is lost: pixels of the image's edge are repeated outwards.
            ``celeba`` has 148/178 of the shorter side: of CelebA, the 148x148 that many VAEs of it are trained on.

    Raises:
        UsageError: an unknown crop.
    """

    size: int
    channels: int = 3
    crop: Crop = "centre"

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise UsageError(f"Unknown crop {self.crop!r}.", nearest(str(self.crop), CROPS))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """The inverse of `to_json`."""
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, for config.json."""
        return asdict(self)

    def box(self, width: int, height: int) -> Box:
        """Left, top, right, bottom of the square; that of ``none`` reaches beyond the image."""
        shorter = min(width, height)
        side = {"none": max(width, height), "centre": shorter, "celeba": max(1, round(shorter * 148 / 178))}[self.crop]
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def keeps(self, width: int, height: int) -> bool:
        """Whether an image of this size stays as it is."""
        return (width, height) == (self.size, self.size) and self.box(width, height) == (0, 0, width, height)

    def apply(self, image: Image) -> Image:
        """Rotate as EXIF says, convert to the model's mode, crop and resize."""
        from PIL import Image as PIL
        from PIL import ImageOps

        image = convert(ImageOps.exif_transpose(image), self.channels)
        if self.keeps(*image.size):
            return image
        # Cropped first: resize with box= lets the filter reach pixels outside the box.
        return _cut(image, self.box(*image.size)).resize((self.size, self.size), PIL.Resampling.BICUBIC)


def beyond(box: Box, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """How far a box reaches above and below, and to the left and right of, an image."""
    left, top, right, bottom = box
    return (max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width))


def _cut(image: Image, box: Box) -> Image:
    """What lies in the box; the image's edge is repeated where it reaches beyond."""
    import numpy as np
    from PIL import Image as PIL

    pads = beyond(box, *image.size)
    if pads == ((0, 0), (0, 0)):
        return image.crop(box)
    array = np.asarray(image)
    return PIL.fromarray(np.pad(array, (*pads, *[(0, 0)] * (array.ndim - 2)), mode="edge"))


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
