"""Structural similarity of images.

Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13, with the
authors' window and constants; at the border, images go on as in a mirror.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# A Gaussian window of eleven pixels; constants of the range [0, 1].
_REACH, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """(B, C, H, W) similarity of the windows around each pixel of images in [0, 1]; at most 1, of equal ones."""
    moments = _smooth(torch.cat([a, b, a * a, b * b, a * b]))
    mean_a, mean_b, square_a, square_b, product = moments.chunk(5)
    # Rounding may take these below zero, by far less than the constant that is added.
    variance_a, variance_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    alike = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    similarity: Tensor = alike / ((mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2))
    return similarity


def _smooth(images: Tensor) -> Tensor:
    """Weighted means around each pixel, each channel alone."""
    places = torch.arange(-_REACH, _REACH + 1, dtype=images.dtype, device=images.device)
    weights = (-((places / _SIGMA) ** 2) / 2).exp()
    window = torch.outer(weights, weights) / weights.sum() ** 2
    channels, padded = images.shape[1], F.pad(images, (_REACH,) * 4, mode="reflect")
    return F.conv2d(padded, window.expand(channels, 1, *window.shape), groups=channels)
