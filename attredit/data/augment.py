"""Augmentation of training batches, on the device: what an image becomes is a function of seed, step and its row.

So a resumed run sees what it would have seen, and the number of processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from attredit.rows import Slice

Augmentation = Literal["flip", "jitter"]

# How far brightness, contrast and saturation go, as a share; the hue stays, because attributes may be colours.
JITTER = 0.2


def augmented(images: Tensor, kinds: Sequence[Augmentation], rows: Slice, seed: int, step: int) -> Tensor:
    """Augment a process's share of a batch.

    Args:
        images: (B, C, H, W) float in [0, 1], on any device.
        kinds: ``flip``: half of the images are mirrored, left for right. ``jitter``: brightness, contrast and
            saturation of each image, in this order, are changed by factors between .8 and 1.2.
        rows: Where the share lies in the global batch.
        seed: The run's.
        step: Number of the step.

    Returns:
        (B, C, H, W); `images` itself where nothing is asked for.
    """
    if "flip" in kinds:
        images = _flipped(images, _uniform("flip", 1, rows, seed, step)[:, 0] < 0.5)
    if "jitter" in kinds:
        images = _jittered(images, 1.0 + JITTER * (2.0 * _uniform("jitter", 3, rows, seed, step) - 1.0))
    return images


def _uniform(name: str, count: int, rows: Slice, seed: int, step: int) -> Tensor:
    """(B, count) numbers in [0, 1) of this share's rows, drawn for the global batch."""
    import torch

    from attredit.rows import noise_of

    drawn: Tensor = torch.special.ndtr(noise_of(rows, seed, step, f"augment/{name}", (count,)))
    return drawn


def _flipped(images: Tensor, chosen: Tensor) -> Tensor:
    import torch

    # All are mirrored: to index with what is chosen, a GPU would have to be waited for.
    return torch.where(chosen.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def _jittered(images: Tensor, factors: Tensor) -> Tensor:
    """Factors (B, 3); torchvision takes one factor for a whole batch, so images go one by one."""
    import torch
    from torchvision.transforms.v2 import functional as F

    changed = [
        F.adjust_saturation(F.adjust_contrast(F.adjust_brightness(image, brightness), contrast), saturation)
        for image, (brightness, contrast, saturation) in zip(images, factors.tolist(), strict=True)
    ]
    return torch.stack(changed).contiguous(memory_format=torch.channels_last)
