"""Damage to images: moves and blurs what it should, stays in range, and is the same of the same images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attredit.data.degrading import DamageLimits, compressed, degraded, gaussian_rows, hidden, randomly_damaged

NOTHING = DamageLimits(blur=0, noise=0, light=0, contrast=0, shift=0, zoom=0, coarseness=0, hole=0)


def images_of(n=8, channels=3, size=32):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def test_augmentation_stays_in_range_and_is_what_the_generator_says():
    images = images_of()
    first, second = (randomly_damaged(images, DamageLimits(), torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == images.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first.mean((1, 2, 3)) - images.mean((1, 2, 3))).abs().max() < 0.3
    assert torch.allclose(randomly_damaged(images, NOTHING, torch.Generator()), images, atol=0.02)


@pytest.mark.parametrize("size", [16, 30, 64])
def test_degraded_copies_differ_a_little_and_do_not_depend_on_neighbours(size):
    images = images_of(size=size)
    copies = list(degraded(images))
    assert len(copies) >= 5
    for copy, alone in zip(copies, degraded(images[3:4]), strict=True):
        assert copy.shape == images.shape
        assert torch.allclose(copy[3:4], alone, atol=1e-6)
        assert 0.001 < (copy - images).abs().mean() < 0.5
        assert 0 <= copy.min() <= copy.max() <= 1


def test_resampling_moves_and_blurs_lines():
    line = torch.zeros(1, 16, 1)
    line[0, 5] = 1
    one, zero = torch.ones(1), torch.zeros(1)
    same = gaussian_rows(16, zero, one, zero) @ line
    moved = gaussian_rows(16, zero, one, 2 * one) @ line
    soft = gaussian_rows(16, 1.0 * one, one, zero) @ line
    assert torch.allclose(same, line, atol=0.01)
    assert moved.argmax() == 3
    assert soft[0, 5].item() == pytest.approx(0.3989, abs=1e-3)
    assert soft.sum().item() == pytest.approx(1, abs=1e-3)


def test_compression_is_about_that_of_jpeg(tmp_path):
    across, down = np.meshgrid(np.linspace(0, 6, 64), np.linspace(0, 4, 64))
    grey = (127 + 60 * np.sin(across**2) + 40 * np.cos(down * across)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.jpg", quality=50)
    file = np.asarray(Image.open(tmp_path / "grey.jpg")) / 255
    image = torch.from_numpy(grey / 255).float()[None, None]
    errors = [
        float((copy - grey / 255).__pow__(2).mean() ** 0.5)
        for copy in (file, compressed(image, torch.tensor([0.05]))[0, 0].numpy())
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.4)
    assert torch.allclose(compressed(image, torch.tensor([1e-4])), image, atol=1e-3)


def test_a_part_is_hidden():
    images = images_of(200, size=20)
    draw = torch.rand(8, 200, generator=torch.Generator().manual_seed(0))
    changed = (hidden(images, 0.5, draw, images.roll(1, 0)) != images).any(1).float().mean((1, 2))
    assert changed.max() <= 0.5**2
    assert 0.03 < changed.mean() < 0.1
    assert (changed == 0).float().mean() < 0.1
