"""Frames that are turned: their places, and the pixels that the model gets of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from attredit.data import Frame, Geometry
from attredit.data.geometry import extended

FRAMES = st.builds(Frame, *[st.floats(-100, 200)] * 2, st.floats(1, 300), st.floats(-360, 360))


@given(FRAMES, st.floats(-3, 3), st.floats(-3, 3))
def test_what_is_placed_is_seen_there(frame: Frame, u: float, v: float) -> None:
    assert frame.seen(*frame.place(u, v)) == pytest.approx((u, v), abs=1e-9)


@given(FRAMES)
def test_a_hull_holds_the_corners_and_no_more(frame: Frame) -> None:
    left, top, right, bottom = frame.hull
    x, y = zip(*frame.corners, strict=True)
    assert left <= min(x) < left + 1
    assert top <= min(y) < top + 1
    assert right - 1 < max(x) <= right
    assert bottom - 1 < max(y) <= bottom
    diagonals = [np.hypot(x[i] - x[i + 2], y[i] - y[i + 2]) for i in (0, 1)]
    assert diagonals == pytest.approx([frame.side * 2**0.5] * 2)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 99))
def test_an_upright_frame_of_whole_pixels_has_bounds(left: int, top: int, side: int) -> None:
    frame = Frame.within((left, top, left + side, top + side))
    assert frame.bounds == frame.hull == (left, top, left + side, top + side)
    assert frame._replace(angle=1.0).bounds is None
    assert frame._replace(x=frame.x + 0.25).bounds is None
    assert frame._replace(side=side + 0.5).bounds is None


def test_angles_are_clockwise() -> None:
    assert Frame(10, 20, 4, 90).place(1.0, 0.0) == pytest.approx((10, 22))
    assert Frame(10, 20, 4, 90).corners[0] == pytest.approx((12, 18))


@settings(deadline=None)
@given(st.floats(60, 140), st.floats(60, 140), st.floats(8, 80), st.floats(-180, 180), st.sampled_from([16, 64]))
def test_the_model_sees_what_lies_at_the_places(x: float, y: float, side: float, angle: float, size: int) -> None:
    """A picture of its own coordinates."""
    across, down = np.meshgrid(np.arange(200), np.arange(200))
    image, frame = Image.fromarray(np.stack([across, down, 0 * down], 2).astype(np.uint8)), Frame(x, y, side, angle)
    seen = np.asarray(Geometry(size).apply(image, frame)).astype(float)
    places = (np.arange(size) + 0.5) * 2 / size - 1
    for channel, expected in enumerate(frame.place(places, places[:, None])):
        error = np.abs(seen[..., channel] - (expected - 0.5))
        # At borders, the filter rounds the corner.
        assert error.mean() < 1.0
        assert error.max() < 2.0 + max(1.0, side / size)


@pytest.mark.parametrize("size", [16, 40, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_quarter_turn_is_what_it_says(size: int, channels: int) -> None:
    coarse = np.random.default_rng(0).integers(60, 190, (6, 8, 3), np.uint8)
    image, geometry = Image.fromarray(coarse).resize((80, 60)), Geometry(size, channels)
    upright = np.asarray(geometry.apply(image, Frame(40, 30, 40))).astype(int)
    turned = np.asarray(geometry.apply(image, Frame(40, 30, 40, 90.0))).astype(int)
    assert np.abs(np.rot90(turned, -1) - upright).max() <= 2


def test_a_fine_pattern_is_averaged_whatever_the_angle() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    for angle in (3.0, 20.0, 45.0, 88.0):
        small = np.asarray(Geometry(16).apply(Image.fromarray(stripes), Frame(128, 128, 170, angle)))
        assert np.abs(small.astype(int)[1:-1, 1:-1] - 127.5).max() < 12


@given(*[st.integers(-30, 30)] * 2, *[st.integers(1, 40)] * 2)
def test_beyond_an_image_its_edge_is_repeated(left: int, top: int, width: int, height: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    padded = np.pad(pixels, ((30, 70), (30, 70), (0, 0)), mode="edge")
    expected = padded[top + 30 : top + 30 + height, left + 30 : left + 30 + width]
    np.testing.assert_array_equal(extended(pixels, (left, top, left + width, top + height)), expected)


def test_a_turned_frame_beyond_the_image_sees_its_edge() -> None:
    seen: Any = np.asarray(Geometry(32).apply(Image.new("RGB", (20, 20), (9, 99, 199)), Frame(2, 3, 50, 20.0)))
    assert (seen == (9, 99, 199)).all()
