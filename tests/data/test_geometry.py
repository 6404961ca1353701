"""Any image becomes the model's square, the same way for training and editing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit.data import CROPS, Geometry
from attredit.data.decoding import as_pixels
from attredit.errors import UsageError

IN_THE_MIDDLE = [crop for crop in CROPS if crop != "box"]


def test_squares_of_celeba() -> None:
    assert Geometry(64).frame(178, 218).bounds == (0, 20, 178, 198)
    assert Geometry(64, crop="celeba").frame(178, 218).bounds == (15, 35, 163, 183)  # 148x148
    assert Geometry(64, crop="none").frame(178, 218).bounds == (-20, 0, 198, 218)


def test_squares_of_a_wide_image() -> None:
    assert Geometry(64).frame(300, 200).bounds == (50, 0, 250, 200)
    assert Geometry(64, crop="celeba").frame(1780, 2180).bounds == (150, 350, 1630, 1830)
    assert Geometry(64, crop="none").frame(300, 200).bounds == (0, -50, 300, 250)


def test_an_unknown_crop_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Unknown crop 'center'\. Did you mean centre\?"):
        Geometry(64, crop="center")  # type: ignore[arg-type]


@pytest.mark.parametrize("crop", IN_THE_MIDDLE)
@pytest.mark.parametrize("size", [(90, 60), (60, 90), (37, 200), (1, 5), (64, 64)])
def test_proportions_are_kept(crop: Any, size: tuple[int, int]) -> None:
    """A picture of its own coordinates: a step of the result is the same number of pixels to the right and down."""
    width, height = size
    geometry = Geometry(16, crop=crop)
    bounds = geometry.frame(width, height).bounds
    assert bounds is not None
    left, top, right, bottom = bounds
    assert right - left == bottom - top
    assert abs((left + right) - width) <= 1
    assert abs((top + bottom) - height) <= 1
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    result = np.asarray(geometry.apply(Image.fromarray(pixels))).astype(int)
    for axis, (start, length) in enumerate(((left, width), (top, height))):
        places = start + (np.arange(16) + 0.5) * (right - left) / 16 - 0.5
        expected = places.clip(0, length - 1)
        got = result[8, :, 0] if axis == 0 else result[:, 8, 1]
        # Where the repeated edge begins, and at borders, the filter rounds the corner.
        assert np.abs(got - expected).max() <= 1 + (right - left) / 16


def test_none_repeats_the_edge_and_loses_nothing() -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[0], pixels[-1] = 200, 100
    result = np.asarray(Geometry(16, crop="none").apply(Image.fromarray(pixels)))
    np.testing.assert_array_equal(result[4:12], pixels)
    assert (result[:4] == 200).all()
    assert (result[12:] == 100).all()


def test_a_drawn_array_is_cropped_as_a_picture_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    geometry = Geometry(32, crop="celeba")
    np.testing.assert_array_equal(as_pixels(pixels, geometry), np.asarray(geometry.apply(Image.fromarray(pixels))))
    assert (as_pixels(pixels, geometry) != pixels).any()


def test_a_fine_pattern_is_averaged_not_picked() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    for crop in IN_THE_MIDDLE:
        small = np.asarray(Geometry(16, crop=crop).apply(Image.fromarray(stripes)))
        assert np.abs(small.astype(int)[:, 1:-1] - 127.5).max() < 12


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
