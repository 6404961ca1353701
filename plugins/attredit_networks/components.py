"""The linear path's first weights: principal components of the training images.

The best linear code of images is their principal components (Baldi and Hornik 1989), which a decomposition finds in
seconds and gradient descent in hundreds of steps. The directions in which the attributes move the images' mean are left
out: no linear function of the code tells what the decoder is told anyway (Ravfogel et al. 2020, "Null it out").
"""

from __future__ import annotations

import torch
from torch import Tensor

# Components of less than this fraction of the first one's spread are rounding errors.
_SMALLEST = 1e-4
_OVERSAMPLED = 16
# A pixel's logit, kept finite: as far from 0 and 1 as a decoder may stay without the eye noticing.
_MARGIN = 0.03
# Added to the scores' unit variance: what images with an attribute alone can show is left to the weights for them.
_RIDGE = 0.05


def told(targets: Tensor) -> Tensor:
    """Attributes (N, A) to (N, 1 + A): a column of ones, and the attributes centred as the decoder sees them."""
    return torch.cat([torch.ones_like(targets[:, :1]), 2.0 * targets - 1.0], 1)


def components(pixels: Tensor, given: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Principal components of the pixels, orthogonal to what the attributes do to their mean.

    Args:
        pixels: (N, P).
        given: (N, 1 + A), from `told`.
        count: How many are wanted.

    Returns:
        Directions (P, K), of a length that gives scores of unit variance, and these scores (N, K). K is `count`, or
        less where the images have fewer components.
    """
    effects = torch.linalg.pinv(given) @ pixels  # (1 + A, P): the mean, and what each attribute adds
    apart = torch.linalg.qr(effects[1:].T).Q
    left = pixels - given @ effects
    left = left - left @ apart @ apart.T
    most = min(left.shape)
    vectors, spread, directions = torch.svd_lowrank(left, q=min(count + _OVERSAMPLED, most), niter=1)
    kept = int((spread[:count] > _SMALLEST * spread[0].clamp(min=1e-12)).sum())
    unit = len(pixels) ** 0.5
    return directions[:, :kept] * (unit / spread[:kept]), vectors[:, :kept] * unit


def read_out(pixels: Tensor, given: Tensor, scores: Tensor) -> Tensor:
    """Weights (P, 1 + A, K) of the function of scores, linear for given attributes, that draws the pixels' logits best.

    Ridge regression on the scores, and on the scores times each attribute's sign: the first of the 1 + A weights serve
    all images, the others are added or subtracted.

    Args:
        pixels: (N, P) in [0, 1].
        given: (N, 1 + A), from `told`.
        scores: (N, K).
    """
    gated = (given[:, :, None] * scores[:, None, :]).flatten(1)
    inputs = torch.cat([given, gated], 1)
    ridge = torch.full_like(inputs[0], _RIDGE * len(inputs))
    ridge[: given.shape[1]] = 1e-6 * len(inputs)  # attributes that never vary
    solved = torch.linalg.solve(inputs.T @ inputs + ridge.diag(), inputs.T @ logits(pixels))
    weights: Tensor = solved[given.shape[1] :].view(given.shape[1], scores.shape[1], -1).permute(2, 0, 1)
    return weights


def logits(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] to finite logits."""
    return pixels.clamp(_MARGIN, 1.0 - _MARGIN).logit()
