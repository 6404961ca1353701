"""Blend a decoded edit into the original image, touching only what the edit is about.

The mask comes from where decoding with the wanted attributes differs from decoding with the predicted ones: the largest
channel difference, widened and softened, and exactly zero where the decoder changes (almost) nothing, so that those
pixels of the user's image stay as they are, bit for bit.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Found on drawn faces at 64x64; lengths are in pixels there and scale with the image size.
GAIN = 8.0
FLOOR = 0.03
_DILATE = 3
_BLUR = 1.0


def edit_mask(before: Tensor, after: Tensor) -> Tensor:
    """(B, 1, H, W) in [0, 1]: how much of the edit to take, from the decoder's images without and with the change."""
    unit = before.shape[-1] / 64.0
    change = (after - before).abs().amax(1, keepdim=True)
    mask = (GAIN * (change - FLOOR)).clamp(0.0, 1.0)
    reach = 2 * max(1, round((_DILATE - 1) / 2 * unit)) + 1
    mask = F.max_pool2d(mask, reach, stride=1, padding=reach // 2)
    return _blurred(mask, _BLUR * unit)


def blend_batch(images: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Composite edits of images of the decoder's own size, all (B, C, H, W)."""
    mask = edit_mask(before, after)
    return torch.where(mask > 0, images + mask * (after - images), images)


def blend(original: np.ndarray, before: np.ndarray, after: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """A composite edit at the original's full resolution.

    Args:
        original: (H, W, C) float in [0, 1].
        before: (h, w, c) the decoder's image with the predicted attributes.
        after: (h, w, c) the decoder's image with the wanted ones.
        box: Left, top, right, bottom of the square of `original` that the decoder saw.

    Returns:
        (H, W, C) float; equal to `original` where the mask is zero and outside the box.
    """
    left, top, right, bottom = box
    size = (bottom - top, right - left)
    old, new = (torch.from_numpy(a).permute(2, 0, 1)[None] for a in (before, after))
    inside = torch.from_numpy(original[top:bottom, left:right]).permute(2, 0, 1)[None]
    mask = _resized(edit_mask(old, new), size)
    fresh = _resized(new, size)
    if fresh.shape[1] != inside.shape[1]:
        fresh = fresh.mean(1, keepdim=True).expand(-1, inside.shape[1], -1, -1)
    blended = torch.where(mask > 0, inside + mask * (fresh - inside), inside)
    result = original.copy()
    result[top:bottom, left:right] = blended[0].permute(1, 2, 0).numpy()
    return result


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True).clamp(0.0, 1.0)


def _blurred(mask: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian blur with a finite kernel, so zero stays zero a few pixels away from the mask."""
    radius = max(1, round(2 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=mask.dtype, device=mask.device)
    kernel = (-0.5 * (x / sigma).square()).exp()
    kernel = kernel / kernel.sum()
    padded = F.pad(mask, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
