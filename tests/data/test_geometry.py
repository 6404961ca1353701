"""Any image becomes the model's square, the same way for training and editing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from attredit.data import Geometry


def test_centre_square_of_celeba_is_178() -> None:
    assert Geometry.box(178, 218) == (0, 20, 178, 198)
    assert Geometry.box(300, 200) == (50, 0, 250, 200)


def test_round_trip() -> None:
    geometry = Geometry(64, 1)
    assert Geometry.from_json(geometry.to_json()) == geometry


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_mode(mode: str, channels: int) -> None:
    white = {"I;16": 65535, "1": 1, "CMYK": (0, 0, 0, 0), "YCbCr": (255, 128, 128)}.get(mode, "white")
    image = Image.new(mode, (50, 40), white)
    result = Geometry(16, channels).apply(image)
    assert result.mode == ("L" if channels == 1 else "RGB")
    assert result.size == (16, 16)
    assert np.asarray(result).min() >= 250


def test_transparent_is_white_and_exif_is_obeyed() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert np.asarray(Geometry(8).apply(clear)).min() == 255
    image = Image.new("RGB", (4, 4))
    image.putpixel((0, 0), (255, 255, 255))
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    image.info["exif"] = exif.tobytes()
    turned = np.asarray(Geometry(4).apply(image))
    assert turned[3, 3, 0] == 255
    assert turned[0, 0, 0] == 0


def test_an_image_of_the_right_size_is_untouched() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(Geometry(32).apply(Image.fromarray(pixels))), pixels)
