"""Structural similarity against equation 13, worked out in double precision with SciPy's windows."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from attredit.evaluation.similarity import structural_similarity

means = partial(gaussian_filter, sigma=1.5, radius=5, mode="mirror", axes=(2, 3))


def transcribed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    mu_x, mu_y = means(x), means(y)
    var_x, var_y, cov = means(x * x) - mu_x**2, means(y * y) - mu_y**2, means(x * y) - mu_x * mu_y
    c1, c2 = 0.0001, 0.0009
    return ((2 * mu_x * mu_y + c1) * (2 * cov + c2)) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))


def test_as_the_equation_says():
    random = np.random.default_rng(0)
    a = means(random.uniform(0, 1, (3, 2, 20, 16)))
    b = (a + random.normal(0, 0.05, a.shape)).clip(0, 1)
    found = structural_similarity(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(found.numpy(), transcribed(a, b), atol=1e-12)
    assert 0.1 < found.mean() < 0.95


def test_equal_images_and_opposite_ones():
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(structural_similarity(images, images), torch.ones_like(images))
    assert structural_similarity(images, 1 - images).max() < 0
