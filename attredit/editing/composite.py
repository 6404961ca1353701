"""Blend a decoded edit into the original image, touching only what the edit is about.

Everything is decided at the decoder's size. A mask says where decoding with the wanted attributes differs from decoding
with the predicted ones; the edit is fitted to the original's colours; the two are blended. A larger original receives
the enlarged change, and gives up its own finer detail only where the decoder itself changed something: two bands, each
with its own mask, as in Burt and Adelson, "A multiresolution spline with application to image mosaics", 1983.
docs/compositing.md compares this with what else was tried.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.editing.placing import Placing, Size, Upright

# Found on drawn faces and on photographs at 64x64; lengths are in pixels there and scale with the image size.
# From this share of an image's largest change on a place belongs to the edit, and from that one wholly. What changes
# less is the decoder's unrest: of photographs it draws hair and background a little otherwise with every attribute.
LOW, HIGH = 0.25, 0.5
# A largest change below this is taken for as much: LOW of it is nothing that anybody would see.
_LEAST = 0.08
_SMOOTH = 1.0
_DILATE = 1
_BLUR = 1.0
# Wide enough to see past the edited feature, narrow enough to tell lips from the skin around them.
_FIT = 2.0
# Variance below which a neighbourhood is too flat to say anything about contrast: a tenth of the range, squared.
_FLAT = 0.01
# A change of this size halves a pixel's say in how to fit, and more.
_TRUST = 0.1


def change_of(before: Tensor, after: Tensor) -> Tensor:
    """(B, 1, H, W) how far images (B, C, H, W) differ: the largest difference of any channel."""
    return (after - before).abs().amax(1, keepdim=True)


def widest(values: Tensor, reach: float) -> Tensor:
    """(B, 1, H, W) the largest of each pixel and of those at most so far away, in pixels of H = 64."""
    pixels = max(1, round(reach * values.shape[-1] / 64.0))
    return F.max_pool2d(values, 2 * pixels + 1, stride=1, padding=pixels)


def edit_mask(change: Tensor, *, widened: bool = True) -> Tensor:
    """(B, 1, H, W) in [0, 1]: how much of an edit to take, by how much the decoder changes each place.

    Exactly zero where it changes (almost) nothing.

    Args:
        change: (B, 1, H, W), of `change_of`, or of several edits like this one.
        widened: Also take what lies right beside the change, which a blurry decoder places inexactly. Without, the
            mask reaches less far, but rises twice as fast: half of a detail looks worse than none.
    """
    unit = change.shape[-1] / 64.0
    smooth = blurred(change, _SMOOTH * unit)
    share = smooth / smooth.flatten(1).amax(1).clamp(min=_LEAST).view(-1, 1, 1, 1)
    mask = ((share - LOW) / ((HIGH - LOW) / (1 if widened else 2))).clamp(0.0, 1.0)
    if widened:
        mask = widest(mask, _DILATE)
    return blurred(mask, _BLUR * unit)


def fitted(images: Tensor, before: Tensor, after: Tensor, change: Tensor | None = None) -> Tensor:
    """The edit (B, C, H, W) with the decoder's local errors of colour and contrast taken out.

    Around every pixel and in every channel, what the decoder misses of the image is taken for a linear function of what
    it drew, ``image - before = gain * before + offset``; the same function is then added to `after`. This is the guided
    filter (He, Sun and Tang, "Guided image filtering", 2013) with windows of Gaussian weight, applied to another guide
    than it was fitted to. Pixels that the edit changes say less about what stays: without their lower weight, frames of
    red glasses that are taken off would redden the skin. How much it changes each, `change` (B, 1, H, W) says, else how
    far before and after differ.
    """
    sigma = _FIT * before.shape[-1] / 64.0
    weight = 1.0 / (1.0 + ((change_of(before, after) if change is None else change) / _TRUST).square())
    total = blurred(weight, sigma)

    def mean(values: Tensor) -> Tensor:
        return blurred(weight * values, sigma) / total

    missed = images - before
    drawn, lacking = mean(before), mean(missed)
    variance = (mean(before.square()) - drawn.square()).clamp(min=0.0)
    gain = (mean(before * missed) - drawn * lacking) / (variance + _FLAT)
    offset = lacking - gain * drawn
    return (after + blurred(gain, sigma) * after + blurred(offset, sigma)).clamp(0.0, 1.0)


def blend_batch(images: Tensor, before: Tensor, after: Tensor, change: Tensor) -> Tensor:
    """Composite edits of images of the decoder's own size, all (B, C, H, W); for `change` see `edit_mask`."""
    small = Upright(pixels_of(images)).to_decoder(images, pixels_of(before))
    # A colour edit of a grey picture is grey; the fit brings the picture's own colours to a grey edit.
    old, new = (of_channels(decoded, images.shape[1]) for decoded in (before, after))
    return in_bands(images, small, added(small, old, new, change), change)


class Blend(nn.Module):
    """`blend_batch`, for images of any size, as the compositor of a recipe; it has no weights."""

    def forward(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        return blend_batch(images, before, after, change)

    def edited(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        return images + added(images, before, after, change)


def added(images: Tensor, before: Tensor, after: Tensor, change: Tensor) -> Tensor:
    """What the edit adds to images (B, C, H, W) of the decoder's size."""
    return edit_mask(change) * (fitted(images, before, after) - images)


def of_channels(images: Tensor, channels: int) -> Tensor:
    """Images (B, C, H, W) with so many channels: the mean of theirs, unless they have as many."""
    if images.shape[1] == channels:
        return images
    return images.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def in_bands(images: Tensor, small: Tensor, difference: Tensor, change: Tensor) -> Tensor:
    """What is edited at a small size, brought to the images' own: as `blend` does it.

    Args:
        images: (B, C, H, W).
        small: (B, C, h, w) the same, averaged; `images` themselves where both sizes are the same.
        difference: (B, C, h, w) of the edited ones from these.
        change: (B, 1, h, w) see `edit_mask`.
    """
    mask, changed = edit_mask(change), edit_mask(change, widened=False)
    return in_bands_of(images, small, difference, mask, changed, Upright(pixels_of(images)))


def in_bands_of(
    images: Tensor,
    small: Tensor,
    difference: Tensor,
    mask: Tensor,
    changed: Tensor,
    place: Placing,
    sharp: bool = False,
) -> Tensor:
    """The difference everywhere, and instead of the images' own finer detail where `changed` says so."""
    edited = images + place.to_picture(difference, sharp)
    if small is not images:
        edited = edited - place.to_picture(changed, sharp) * (images - place.to_picture(small, sharp))
    return torch.where(place.to_picture(mask, sharp) > 0, edited.clamp(0.0, 1.0), images)


def pixels_of(images: Tensor) -> Size:
    """Of images (B, C, H, W)."""
    return images.shape[-2], images.shape[-1]


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images (B, C, H, W) under a Gaussian of `sigma` pixels that ends at twice that: far from a mask, zero stays zero.

    torchvision has the same, but importing that takes almost as long as all the rest of an edit.
    """
    radius, channels = max(1, round(2 * sigma)), images.shape[1]
    places = torch.linspace(-radius / 2**0.5, radius / 2**0.5, 2 * radius + 1, device=images.device)
    line = (-(places / sigma).square()).softmax(0).to(images.dtype)
    kernel = (line[:, None] * line).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(images, [radius] * 4, mode="reflect"), kernel, groups=channels)
