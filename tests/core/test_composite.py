"""Composite edits: what stays, what is fitted, and that size and channels of the original do not matter."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.nn.functional import interpolate

from attredit.data import Frame
from attredit.editing import blending, composite
from attredit.editing.composite import blurred, change_of, edit_mask, fitted
from attredit.editing.placing import placing

SIZE = 64
SPOT = (slice(28, 36), slice(24, 40))


def blend(original: Any, before: Any, after: Any, frame: Frame) -> Any:
    """Of an edit that belongs wherever the two differ."""
    return blending.blend(original, before, after, np.abs(after - before).max(-1, keepdims=True), frame)


def blend_batch(images: Tensor, before: Tensor, after: Tensor) -> Tensor:
    return composite.blend_batch(images, before, after, change_of(before, after))


def smooth(seed: int, channels: int = 3, size: int = SIZE) -> Tensor:
    """(1, C, size, size): soft blobs, alike at every size."""
    coarse = torch.rand(1, channels, 6, 6, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)


def edited(before: Tensor, level: float = 0.9) -> Tensor:
    after = before.clone()
    after[..., *SPOT] = level
    return after


def array(images: Tensor) -> np.ndarray:
    return images[0].permute(1, 2, 0).numpy()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    channels=st.integers(1, 4),
    drawn=st.sampled_from([1, 3]),
    width=st.integers(20, 200),
    height=st.integers(20, 200),
)
def test_pixels_stay_bit_for_bit_at_any_size(seed: int, channels: int, drawn: int, width: int, height: int) -> None:
    original = np.random.default_rng(seed).random((height, width, channels), np.float32)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    frame = Frame.within((left, top, left + side, top + side))
    before = smooth(seed, drawn)
    result = blend(original, array(before), array(edited(before, 1.0 - float(before.mean().round()))), frame)
    assert result.shape == original.shape
    assert result.dtype == original.dtype
    assert 0 <= result.min() <= result.max() <= 1
    kept = np.ones((height, width), bool)
    # The spot, and what widening, blur and enlarging may reach beside it.
    reach, unit = 8, side / SIZE
    rows = [int((s.start - reach) * unit) for s in SPOT] + [int((s.stop + reach) * unit) + 1 for s in SPOT]
    kept[max(0, top + rows[0]) : top + rows[2], max(0, left + rows[1]) : left + rows[3]] = False
    np.testing.assert_array_equal(result[kept], original[kept])


def test_an_edit_that_changes_nothing_gives_the_original() -> None:
    original, before = np.random.default_rng(0).random((150, 150, 3), np.float32), array(smooth(0))
    np.testing.assert_array_equal(blend(original, before, before, Frame.within((0, 0, 150, 150))), original)


@pytest.mark.parametrize("size", [32, 128, 256])
def test_an_edit_is_the_same_at_every_size(size: int) -> None:
    before = 0.9 * smooth(1) + 0.05
    after = edited(before)
    expected = blend_batch(smooth(1), before, after)
    found = blend(array(smooth(1, size=size)), array(before), array(after), Frame.within((0, 0, size, size)))
    shrunk = interpolate(torch.from_numpy(found).permute(2, 0, 1)[None], size=(32, 32), mode="area")
    assert (shrunk - interpolate(expected, size=(32, 32), mode="area")).abs().mean() < 0.005


def test_the_decoders_own_size_needs_no_other_way() -> None:
    images, before = smooth(1), smooth(2)
    after = edited(before)
    expected = blend_batch(images, before, after)
    np.testing.assert_array_equal(
        blend(array(images), array(before), array(after), Frame.within((0, 0, SIZE, SIZE))), array(expected)
    )


def test_a_batch_is_blended_image_by_image() -> None:
    images, before = (torch.cat([smooth(i), smooth(i + 1)]) for i in (0, 2))
    after = edited(before)
    both = blend_batch(images, before, after)
    torch.testing.assert_close(both[1:], blend_batch(images[1:], before[1:], after[1:]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), gain=st.floats(0.7, 1.3), offset=st.floats(-0.1, 0.1))
def test_errors_of_colour_and_contrast_are_taken_out(seed: int, gain: float, offset: float) -> None:
    images = 0.25 + 0.5 * smooth(seed)
    truth = edited(images, 0.6)
    before, after = ((gain * (a - 0.5) + 0.5 + offset) for a in (images, truth))
    error = (fitted(images, before, after) - truth).abs().mean()
    assert error <= 0.35 * (after - truth).abs().mean() + 1e-6


def test_a_perfect_reconstruction_needs_no_fit() -> None:
    images = smooth(3)
    torch.testing.assert_close(fitted(images, images, edited(images)), edited(images))


def test_what_is_taken_off_casts_no_shadow() -> None:
    skin = torch.full((1, 3, SIZE, SIZE), 0.8)
    images = edited(skin, 0.1)
    before = edited(skin, 0.4)  # the decoder draws the feature too faint
    result = blend_batch(images, before, skin)
    assert (result[..., *SPOT] - 0.8).abs().max() < 0.1


def test_detail_stays_beside_the_change_and_goes_within_it() -> None:
    checks = 0.5 + 0.2 * (2.0 * ((torch.arange(256)[:, None] + torch.arange(256)) // 2 % 2) - 1.0)
    original = checks.expand(1, 3, -1, -1)
    before = torch.full((1, 3, SIZE, SIZE), 0.5)
    result = blend(array(original), array(before), array(edited(before)), Frame.within((0, 0, 256, 256)))
    detail = np.abs(np.diff(result[..., 0], axis=1))
    assert detail[124:132, 116:140].max() < 0.02
    wide = edit_mask(change_of(before, edited(before)))[0, 0]
    narrow = edit_mask(change_of(before, edited(before)), widened=False)[0, 0]
    assert not ((narrow > 0) & (wide == 0)).any()
    beside = ((narrow == 0) & (wide > 0)).repeat_interleave(4, 0).repeat_interleave(4, 1).numpy()
    assert detail[beside[:, 1:]].mean() > 0.15


def test_a_grey_model_keeps_the_colours_of_the_original() -> None:
    original = np.broadcast_to(np.float32([0.8, 0.6, 0.4]), (128, 128, 3)).copy()
    before = torch.full((1, 1, SIZE, SIZE), 0.6)
    result = blend(original, array(before), array(edited(before, 0.45)), Frame.within((0, 0, 128, 128)))
    middle = result[60:68, 60:68].mean((0, 1))
    assert middle[0] - middle[2] > 0.25
    assert middle.mean() == pytest.approx(0.45, abs=0.05)


@pytest.mark.parametrize(("height", "width"), [(40, 90), (90, 40)])
def test_a_box_that_reaches_beyond_the_image_sees_its_edge_repeated(height: int, width: int) -> None:
    original, before = array(smooth(1, size=90))[:height, :width], smooth(2)
    above, aside = (90 - height) // 2, (90 - width) // 2
    padded = np.pad(original, ((above, above), (aside, aside), (0, 0)), mode="edge")
    old, new = array(before), array(edited(before))
    whole = blend(padded, old, new, Frame.within((0, 0, 90, 90)))
    got = blend(original, old, new, Frame.within((-aside, -above, width + aside, height + above)))
    np.testing.assert_array_equal(got, whole[above : above + height, aside : aside + width])
    assert (got != original).any()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 99),
    x=st.floats(-60, 160),
    y=st.floats(-20, 100),
    side=st.floats(12, 150),
    angle=st.floats(-180, 180),
)
def test_outside_a_turned_frame_pixels_stay_bit_for_bit(
    seed: int, x: float, y: float, side: float, angle: float
) -> None:
    original, frame = np.random.default_rng(seed).random((80, 100, 3), np.float32), Frame(x, y, side, angle)
    result = blend(original, np.zeros((SIZE, SIZE, 3), np.float32), np.ones((SIZE, SIZE, 3), np.float32), frame)
    assert result.dtype == original.dtype
    assert 0 <= result.min() <= result.max() <= 1
    u, v = frame.seen(np.arange(100) + 0.5, (np.arange(80) + 0.5)[:, None])
    distance = np.maximum(abs(u), abs(v))
    np.testing.assert_array_equal(result[distance > 1.0001], original[distance > 1.0001])
    assert (result[distance < 0.999] != original[distance < 0.999]).any(1).all()


@pytest.mark.parametrize("side", [40, 64, 130])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_an_edit_is_the_same_whichever_way_the_picture_is_held(side: int, turns: int) -> None:
    """A quarter turn moves pixels onto pixels, so that turned and upright frames can be compared."""
    original, before = array(smooth(1, size=150)), 0.9 * smooth(2) + 0.05
    upright = Frame(80, 70, side)
    expected = blend(original, array(before), array(edited(before)), upright)
    # Clockwise, as angles are.
    x, y = {1: (150 - 70, 80), 2: (150 - 80, 150 - 70), 3: (70, 150 - 80)}[turns]
    held = np.rot90(original, -turns).copy()
    got = np.rot90(blend(held, array(before), array(edited(before)), Frame(x, y, side, 90.0 * turns)), turns)
    assert np.abs(got - expected).max() < 0.02
    np.testing.assert_array_equal(got == original, expected == original)


def test_an_edit_lies_where_its_frame_does() -> None:
    original, before = np.full((200, 220, 3), 0.5, np.float32), torch.full((1, 3, SIZE, SIZE), 0.5)
    frame = Frame(120.3, 90.7, 80.5, 30.0)
    changed = blend(original, array(before), array(edited(before)), frame)[..., 0] - 0.5
    rows, columns = np.indices(changed.shape) + 0.5
    x, y = frame.place(*((s.start + s.stop) / SIZE - 1.0 for s in reversed(SPOT)))
    assert (changed * columns).sum() / changed.sum() == pytest.approx(x, abs=0.1)
    assert (changed * rows).sum() / changed.sum() == pytest.approx(y, abs=0.1)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 3.7])
def test_the_blur_is_that_of_torchvision(sigma: float) -> None:
    from torchvision.transforms.v2.functional import gaussian_blur

    images, side = torch.cat([smooth(0), smooth(1)]), 2 * max(1, round(2 * sigma)) + 1
    assert torch.equal(blurred(images, sigma), gaussian_blur(images, [side, side], [sigma, sigma]))


def test_an_edit_does_without_torchvision(run_process: Any) -> None:
    code = "import sys, torch\nfrom attredit.editing.composite import blend_batch as b\n"
    code += "b(*torch.rand(3, 1, 3, 32, 32), torch.rand(1, 1, 32, 32))\n"
    run_process([sys.executable, "-c", f"{code}assert 'torchvision' not in sys.modules"])


@pytest.mark.parametrize("frame", [Frame(35.0, 34.5, 50.0, 0.0), Frame(35.2, 34.1, 50.0, 9.0)])
def test_what_is_drawn_in_about_as_many_pixels_as_the_picture_has_stays_as_sharp(frame: Frame) -> None:
    """Stripes of 4 pixels, of 64 that are drawn for 50 of the picture: averaged first, they are pale."""
    stripes = (torch.arange(64) * torch.pi * 2 / 4).cos().expand(1, 1, 64, 64)
    place = placing(frame, (70, 70))
    contrast = [place.to_picture(stripes, sharp)[..., 25:45, 25:45].std() for sharp in (False, True)]
    assert contrast[1] > 1.3 * contrast[0]
    # Of many more pixels than that, none is left out.
    alone = torch.zeros(1, 1, 192, 192)
    alone[..., ::4] = 1.0
    assert place.to_picture(alone, sharp=True)[..., 25:45, 25:45].std() < 0.1
