"""Augmentation is a function of seed, step and row, and does what it says to each image by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attredit.data.augment import JITTER, SHIFT, TURN, ZOOM, augmented
from attredit.launch import train
from attredit.rows import Slice, noise
from attredit.runs.directory import RunDirectory

B = 64
WHOLE = Slice(0, B, B)


def images(channels: int = 3) -> Tensor:
    drawn = torch.rand(B, channels, 6, 8, generator=torch.Generator().manual_seed(0))
    return (0.3 + 0.3 * drawn).contiguous(memory_format=torch.channels_last)


def test_nothing_is_done_unless_asked() -> None:
    given = images()
    assert augmented(given, (), WHOLE, 0, 0) is given
    assert augmented(given, ("none",), WHOLE, 0, 0) is given


def test_half_of_the_images_are_mirrored_and_others_stay() -> None:
    given, mirrored = images(), images().flip(3)
    got = augmented(given, ("flip",), WHOLE, 0, 0)
    turned = torch.tensor([bool((g == m).all()) for g, m in zip(got, mirrored, strict=True)])
    same = torch.tensor([bool((g == i).all()) for g, i in zip(got, given, strict=True)])
    assert (turned ^ same).all()
    assert 16 <= turned.sum() <= 48  # four standard deviations of 64 coins
    torch.testing.assert_close(given, images(), rtol=0, atol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_is_brightness_then_contrast_then_saturation(channels: int) -> None:
    given = images(channels)
    got = augmented(given, ("jitter",), WHOLE, 5, 7)
    factors = 1 + JITTER * (2 * torch.special.ndtr(noise(5, 7, "augment/jitter", (B, 3))) - 1)
    assert factors.min() < 1 - 0.9 * JITTER < 1 + 0.9 * JITTER < factors.max()
    for before, after, (brightness, contrast, saturation) in zip(given, got, factors, strict=True):
        expected = brightness * before
        expected = contrast * expected + (1 - contrast) * grey(expected).mean()
        expected = saturation * expected + (1 - saturation) * grey(expected)
        torch.testing.assert_close(after, expected, rtol=0, atol=1e-3)


def test_images_move_as_one_would_move_them_by_hand() -> None:
    y, x = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    blob = (-((x - 5) ** 2 + (y + 3) ** 2) / 8).exp().expand(B, 1, -1, -1)
    got = augmented(blob, ("affine",), WHOLE, 5, 7)
    dx, dy, zoom, turn = (2 * torch.special.ndtr(noise(5, 7, "augment/affine", (B, 4))) - 1).unbind(1)
    mass = got.sum((1, 2, 3))
    found = torch.stack([(got[:, 0] * axis).sum((1, 2)) / mass for axis in (x, y)], 1)
    # Where a place is looked up, moved back: the inverse of turn, zoom and shift.
    angle, size = TURN * turn, (ZOOM * zoom).exp()
    u, v = 5 - SHIFT * dx * 16.5, -3 - SHIFT * dy * 16.5
    wanted = torch.stack([u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()], 1) / size[:, None]
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)
    assert (found - torch.tensor([5.0, -3.0])).abs().max() > 0.3


def grey(image: Tensor) -> Tensor:
    """(1, H, W) luma of ITU-R BT.601."""
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * image).sum(0, True) if len(image) == 3 else image


def test_seed_step_and_row_decide_and_shares_agree_with_the_whole() -> None:
    given, kinds = images(), ("flip", "affine", "jitter")
    whole = augmented(given, kinds, WHOLE, 1, 2)
    shares = [augmented(given[s : s + 16], kinds, Slice(s, s + 16, B), 1, 2) for s in range(0, B, 16)]
    torch.testing.assert_close(torch.cat(shares), whole, rtol=0, atol=0)
    torch.testing.assert_close(augmented(given, kinds, WHOLE, 1, 2), whole, rtol=0, atol=0)
    for seed, step in ((1, 3), (2, 2)):
        assert (augmented(given, kinds, WHOLE, seed, step) != whole).any()


def test_global_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    augmented(images(), ("flip", "jitter"), WHOLE, 0, 0)
    torch.testing.assert_close(torch.rand(4), expected, rtol=0, atol=0)


def test_a_run_keeps_it_and_trains_on_it(request_for: Any, tmp_path: Path) -> None:
    """That resumed runs and several processes see the same: tests/core/test_resume.py and test_distributed.py."""
    varied = train(request_for(run_dir=str(tmp_path / "varied"), augment=("flip", "jitter"), steps=1))
    plain = train(request_for(run_dir=str(tmp_path / "plain"), steps=1))
    assert RunDirectory(varied).config().request.augment == ("flip", "jitter")
    assert RunDirectory(plain).config().request.augment == ()
    assert (varied / "model.safetensors").read_bytes() != (plain / "model.safetensors").read_bytes()
