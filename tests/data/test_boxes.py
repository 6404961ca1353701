"""Boxes: what is one, the square around it, and the pixels that the model gets of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from PIL import Image

from attredit.data import Box, Geometry, box_of
from attredit.data.boxes import NO_NUMBERS, NO_SIZE, NONE
from attredit.data.decoding import as_pixels
from attredit.data.geometry import MARGIN, frame_around
from attredit.errors import DataError

LENGTHS = st.integers(1, 300)
PLACES = st.integers(-200, 300)


@pytest.mark.parametrize(
    "written, box",
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        (np.array([1, 2, 3, 4]), (1, 2, 3, 4)),
        (["1", " 2", "3.0", "4"], (1, 2, 3, 4)),
        ((-5, 0, 10, 10), (-5, 0, 10, 10)),
        ((1.5, 2.25, 3.0, 4.0), (1, 2, 4, 5)),
        (None, NONE),
        (float("nan"), NONE),
        ("", NONE),
        (["", " ", "", ""], NONE),
        ([None] * 4, NONE),
        ((1, 2, 3), NO_NUMBERS),
        ((1, 2, 3, 4, 5), NO_NUMBERS),
        ("1234", NO_NUMBERS),
        (7, NO_NUMBERS),
        (["1", "2", "3", ""], NO_NUMBERS),
        ((1, 2, None, 4), NO_NUMBERS),
        ((1, 2, float("nan"), 4), NO_NUMBERS),
        ((1, 2, float("inf"), 4), NO_NUMBERS),
        ((1, 2, 1e300, 4), NO_NUMBERS),
        (["a", "b", "c", "d"], NO_NUMBERS),
        ((1, 2, 0, 4), NO_SIZE),
        ((1, 2, 3, -4), NO_SIZE),
        ((0.25, 0.25, 0.5, 0.5), NO_SIZE),  # of the image's size: no pixels
    ],
)
def test_what_is_a_box(written: Any, box: Any) -> None:
    assert box_of(written) == box


# Sums of them are exact.
FINE = st.integers(-500 * 256, 500 * 256).map(lambda n: n / 256)


@given(st.tuples(FINE, FINE, *[st.integers(256, 500 * 256).map(lambda n: n / 256)] * 2))
def test_whole_pixels_hold_fractions(written: tuple[float, ...]) -> None:
    box, (left, top, width, height) = box_of(written), written
    assert isinstance(box, Box)
    assert box.left <= left < box.left + 1
    assert box.top <= top < box.top + 1
    assert left + width <= box.left + box.width < left + width + 1
    assert top + height <= box.top + box.height < top + height + 1


@given(PLACES, PLACES, LENGTHS, LENGTHS, st.floats(1, 4))
def test_the_square_holds_the_box_in_its_middle(left: int, top: int, width: int, height: int, margin: float) -> None:
    square = frame_around(Box(left, top, width, height), margin).bounds
    assert square is not None
    side = square[2] - square[0]
    assert side == square[3] - square[1]
    assert abs(side - margin * max(width, height)) <= 0.5
    assert square[0] <= left <= left + width <= square[2]
    assert square[1] <= top <= top + height <= square[3]
    assert abs((square[0] + square[2]) - (2 * left + width)) <= 1
    assert abs((square[1] + square[3]) - (2 * top + height)) <= 1


@st.composite
def sides(draw: st.DrawFn) -> tuple[int, int, int]:
    """An image's length, and where along it at least half of a box lies: its begin and its length."""
    whole = draw(st.integers(1, 60))
    length = draw(st.integers(1, 2 * whole))
    half = -(-length // 2)
    return whole, draw(st.integers(half - length, whole - half)), length


@given(sides(), sides())
def test_the_model_gets_the_square_and_repeated_edges(across: tuple[int, int, int], down: tuple[int, int, int]) -> None:
    """Pixels that tell their own place; the model's size is the square's, so nothing is resized."""
    (columns, left, width), (rows, top, height) = across, down
    box = Box(left, top, width, height)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    image = Image.fromarray(np.stack([x, y, 0 * x], axis=2).astype(np.uint8))
    square = frame_around(box).bounds
    assert square is not None
    seen = np.asarray(Geometry(square[2] - square[0], crop="box").apply(image, box))
    expected_x = np.arange(square[0], square[2]).clip(0, columns - 1)
    expected_y = np.arange(square[1], square[3]).clip(0, rows - 1)
    np.testing.assert_array_equal(seen[..., 0], np.broadcast_to(expected_x, seen.shape[:2]))
    np.testing.assert_array_equal(seen[..., 1], np.broadcast_to(expected_y[:, None], seen.shape[:2]))


@given(PLACES, PLACES, LENGTHS, LENGTHS)
def test_a_box_that_is_mostly_outside_is_refused(left: int, top: int, width: int, height: int) -> None:
    inside = [min(a + n, 50) - max(a, 0) for a, n in ((left, width), (top, height))]
    assume(2 * inside[0] < width or 2 * inside[1] < height)
    with pytest.raises(DataError, match=rf"{left},{top},{width},{height}\b.* 50x50 pixels"):
        Geometry(32, crop="box").frame(50, 50, Box(left, top, width, height))


def test_a_box_is_of_the_image_as_it_is_shown() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:20, 30:40] = 255
    stored = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    stored.getexif()[0x0112] = 6  # to be turned back, clockwise
    small = np.asarray(Geometry(13, crop="box").apply(stored, Box(30, 10, 10, 10)))
    assert (small[3:9, 3:9] == 255).all()
    assert small.mean() < 200


def test_a_box_goes_before_the_crop_of_a_run() -> None:
    for crop in ("none", "centre", "celeba", "box"):
        assert Geometry(32, crop=crop).frame(100, 100, Box(20, 30, 10, 20)).bounds == (12, 27, 38, 53)  # type: ignore[arg-type]
    assert round(20 * MARGIN) == 26
    with pytest.raises(DataError, match=r"\bbox\b"):
        Geometry(32, crop="box").frame(100, 100)


@pytest.mark.parametrize(
    "box, message",
    [(None, "it has no box"), ([1, 2, 3], "four numbers"), ([0, 0, 0, 9], "no size"), ([90, 0, 9, 9], "Most")],
)
def test_pixels_of_a_data_set_need_a_good_box(box: Any, message: str) -> None:
    image = Image.new("RGB", (64, 48))
    with pytest.raises(DataError, match=message):
        as_pixels(image, Geometry(32, crop="box"), box)
    assert as_pixels(image, Geometry(32, crop="box"), [8, 8, 20, 30]).shape == (32, 32, 3)


def test_drawn_pixels_of_the_right_size_stay_when_their_square_is_the_whole() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (26, 26, 3), np.uint8)
    np.testing.assert_array_equal(as_pixels(pixels, Geometry(26, crop="box"), [3, 3, 20, 20]), pixels)
    assert (as_pixels(pixels, Geometry(26, crop="box"), [4, 3, 20, 20]) != pixels).any()
