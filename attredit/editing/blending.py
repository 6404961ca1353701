"""Composite edits of pictures: the square that the decoder saw, wherever it lies, in the picture's own pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data.frames import Frame
from attredit.data.geometry import extended
from attredit.editing.composite import added, edit_mask, in_bands_of, of_channels, pixels_of
from attredit.editing.placing import Placing, placing
from attredit.editing.sharpening import Sharpener
from attredit.networks import Compositor


def blend(
    original: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    change: np.ndarray,
    frame: Frame,
    compositor: Compositor | None = None,
    attrs: np.ndarray | None = None,
    sharpener: Sharpener | None = None,
) -> np.ndarray:
    """A composite edit at the original's full resolution.

    Args:
        original: (H, W, C) float in [0, 1].
        before: (h, w, c) the decoder's image with the predicted attributes.
        after: (h, w, c) the decoder's image with the wanted ones.
        change: (h, w, 1) how much of each place belongs to the edit, see `edit_mask`.
        frame: The square of `original` that the decoder saw.
        compositor: What blends; the one without weights when None.
        attrs: (A,) what the edited image has; compositor and sharpener are told it.
        sharpener: Draws edits finer than the decoder does, where the frame has more pixels; not what a compositor draws
            that works at any size.

    Returns:
        (H, W, C) float; equal to `original` where the mask is zero and outside the frame.
    """
    (height, width, _), (left, top, right, bottom) = original.shape, frame.hull
    # What the decoder saw beyond the image is the repeated edge.
    images, old, new, where = (_batch(a) for a in (extended(original, frame.hull), before, after, change))
    place = placing(frame._replace(x=frame.x - left, y=frame.y - top), pixels_of(images))
    told = None if attrs is None else torch.from_numpy(attrs)[None]
    if compositor is None or hasattr(compositor, "edited"):
        finer = sharpener if frame.side > before.shape[0] else None
        edited = _blend(images, old, new, where, place, compositor, told, finer)
    else:
        assert told is not None
        edited = _composed(images, old, new, where, place, compositor, told)
    blended = edited[0].permute(1, 2, 0).numpy()
    first, upper = max(0, left), max(0, top)
    last, lower = max(first, min(right, width)), max(upper, min(bottom, height))
    result = original.copy()
    result[upper:lower, first:last] = blended[upper - top : lower - top, first - left : last - left]
    return result


def _blend(
    images: Tensor,
    before: Tensor,
    after: Tensor,
    change: Tensor,
    place: Placing,
    compositor: Any,
    attrs: Tensor | None,
    sharpener: Sharpener | None,
) -> Tensor:
    """Composite edits of images (B, C, H, W) of any size and channels; by networks where they are given."""
    size, detail = pixels_of(before), 1 if sharpener is None else sharpener.detail
    fine = place.to_decoder(images, (detail * size[0], detail * size[1]))
    small = fine if sharpener is None else F.avg_pool2d(fine, detail)
    if compositor is not None:
        own = of_channels(small, before.shape[1])
        difference = _asked(compositor, compositor.edited, own, before, after, change, attrs) - own
        difference = of_channels(difference, images.shape[1])
    else:
        # A colour edit of a grey picture is grey; the fit brings the picture's own colours to a grey edit.
        old, new = (of_channels(decoded, images.shape[1]) for decoded in (before, after))
        difference = added(small, old, new, change)
    if sharpener is None:
        return in_bands_of(images, small, difference, edit_mask(change), edit_mask(change, widened=False), place)
    own, coarse = of_channels(fine, before.shape[1]), of_channels(difference, before.shape[1])
    finer, mask, changed = _asked(sharpener, sharpener, own, coarse, change, attrs)
    return in_bands_of(images, fine, of_channels(finer, images.shape[1]), mask, changed, place, sharp=True)


def _composed(
    images: Tensor,
    before: Tensor,
    after: Tensor,
    change: Tensor,
    place: Placing,
    compositor: Compositor,
    attrs: Tensor,
) -> Tensor:
    """What a compositor changes of the square that the decoder saw, in the picture's own pixels."""
    side = max(pixels_of(before)[0], min(pixels_of(images)))
    upright = place.to_decoder(images, (side, side))
    difference = place.to_picture(_asked(compositor, compositor, upright, before, after, change, attrs) - upright)
    return torch.where(difference == 0, images, (images + difference).clamp(0.0, 1.0))


def _asked(network: Any, how: Callable[..., Any], *given: Any) -> Any:
    """What a compositor or a sharpener says, where its weights are."""
    device = next(network.parameters(), torch.empty(0)).device
    with torch.inference_mode():
        said = how(*(tensor.to(device) for tensor in given))
    return said.cpu() if isinstance(said, Tensor) else tuple(one.cpu() for one in said)


def _batch(array: np.ndarray) -> Tensor:
    """(H, W, C) to (1, C, H, W)."""
    return torch.from_numpy(array).permute(2, 0, 1)[None]
