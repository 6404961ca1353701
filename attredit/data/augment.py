"""Augmentation of training batches, on the device: what an image becomes is a function of seed, step and its row.

So a resumed run sees what it would have seen, and the number of processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from attredit.rows import Slice

Augmentation = Literal["none", "flip", "affine", "jitter"]

# How far brightness, contrast and saturation go, as a share; the hue stays, because attributes may be colours.
JITTER = 0.2
# How far images move, as a share of half their side; how they grow or shrink; how far they turn, in radians.
SHIFT, ZOOM, TURN = 0.02, 0.02, 0.02


def augmented(images: Tensor, kinds: Sequence[Augmentation], rows: Slice, seed: int, step: int) -> Tensor:
    """Augment a process's share of a batch.

    Args:
        images: (B, C, H, W) float in [0, 1], on any device.
        kinds: ``none``: they stay as they are. ``flip``: half of them are mirrored, left for right. ``affine``: each is
            moved by up to 1 % of its side, enlarged or made smaller by up to 2 % and turned by up to 1 degree.
            ``jitter``: brightness, contrast and saturation of each image, in this order, are changed by factors
            between .8 and 1.2.
        rows: Where the share lies in the global batch.
        seed: The run's.
        step: Number of the step.

    Returns:
        (B, C, H, W); `images` itself where nothing is asked for.
    """
    if "flip" in kinds:
        images = _flipped(images, _uniform("flip", 1, rows, seed, step)[:, 0] < 0.5)
    if "affine" in kinds:
        images = _moved(images, 2.0 * _uniform("affine", 4, rows, seed, step) - 1.0)
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


def _moved(images: Tensor, amounts: Tensor) -> Tensor:
    """Images moved, zoomed and turned, by amounts (B, 4) in [-1, 1]; beyond their edges they are mirrored."""
    import torch
    import torch.nn.functional as F

    x, y, zoom, turn = (amounts * torch.tensor([SHIFT, SHIFT, ZOOM, TURN])).unbind(1)
    across, down = turn.cos() * zoom.exp(), turn.sin() * zoom.exp()
    where = torch.stack([torch.stack([across, -down, x], 1), torch.stack([down, across, y], 1)], 1).to(images.device)
    grid = F.affine_grid(where, list(images.shape), align_corners=False)
    moved: Tensor = F.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
    return moved


def _jittered(images: Tensor, factors: Tensor) -> Tensor:
    """Images with factors (B, 3) of brightness, contrast and saturation; torchvision takes one for a whole batch."""
    brightness, contrast, saturation = factors.to(images.device).T[..., None, None, None]
    images = (brightness * images).clamp(0.0, 1.0)
    middle = _grey(images).mean((1, 2, 3), keepdim=True)
    images = (middle + contrast * (images - middle)).clamp(0.0, 1.0)
    grey = _grey(images)
    changed: Tensor = (grey + saturation * (images - grey)).clamp(0.0, 1.0)
    return changed


def _grey(images: Tensor) -> Tensor:
    """(B, 1, H, W) luma of ITU-R BT.601."""
    if images.shape[1] != 3:
        return images
    luma = images.new_tensor([0.299, 0.587, 0.114])
    grey: Tensor = (images * luma.view(1, 3, 1, 1)).sum(1, keepdim=True)
    return grey
