"""Distances between two sets of feature vectors, and what each vector adds to them.

A distance between sets has no values of single images, and resampling images shifts it: a set with doubles is farther
from everything. Its influence function (Hampel 1974), the change of the distance per weight given to one vector, has
neither fault. The distance plus the influences is a value per vector of which the distance is the mean, so intervals,
seeds and paired differences work as for every other metric: the infinitesimal jackknife (Efron 1982).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KERNEL_MOST = 2000
_DEGREE = 3
_RELATIVE_ZERO = 1e-10


class Distance(NamedTuple):
    """A distance between sets of n and m vectors.

    Attributes:
        value: The distance.
        first: (n,) influences of the first set's vectors, of mean 0.
        second: (m,) of the second's.
    """

    value: float
    first: Tensor
    second: Tensor


def frechet(x: Tensor, y: Tensor) -> Distance:
    """Squared Fréchet distance between normal distributions fitted to (n, D) and (m, D): FID (Heusel et al. 2017).

    |mx - my|² + tr(Sx + Sy - 2 (Sx^1/2 Sy Sx^1/2)^1/2), the trace of the root from eigenvalues. Biased upwards where n
    or m is not much larger than D.
    """
    x, y = x.double(), y.double()
    difference = x.mean(0) - y.mean(0)
    sx, sy = torch.cov(x.T).reshape(x.shape[1], -1), torch.cov(y.T).reshape(x.shape[1], -1)
    trace, map_x = _transport(sx, sy)
    _, map_y = _transport(sy, sx)
    value = float(difference @ difference + sx.trace() + sy.trace() - 2 * trace)
    return Distance(max(value, 0.0), _potential(x, 2 * difference, map_x), _potential(y, -2 * difference, map_y))


def kernel(x: Tensor, y: Tensor) -> Distance:
    """Unbiased squared maximum mean discrepancy of (n, D) and (m, D): KID (Bińkowski et al. 2018).

    The kernel is (x.y / D + 1)³. Unbiased, so it is below 0 now and then where the sets agree.
    """
    x, y = x.double(), y.double()
    xx, yy = _others(_polynomial(x, x)), _others(_polynomial(y, y))
    xy = _polynomial(x, y)
    value = float(xx.mean() + yy.mean() - 2 * xy.mean())
    return Distance(value, 2 * (xx - xx.mean() - xy.mean(1) + xy.mean()), 2 * (yy - yy.mean() - xy.mean(0) + xy.mean()))


def _transport(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Trace of (b^1/2 a b^1/2)^1/2, and the map b^1/2 (b^1/2 a b^1/2)^-1/2 b^1/2, which takes N(0, a) to N(0, b)."""
    root = _power(b, 0.5)
    middle = root @ a @ root
    return _power(middle, 0.5).trace(), root @ _power(middle, -0.5) @ root


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Power of a symmetric positive matrix; what is zero up to rounding stays zero."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    known = values > _RELATIVE_ZERO * values[-1].clamp(min=torch.finfo(values.dtype).tiny)
    powers = torch.where(known, values.clamp(min=torch.finfo(values.dtype).tiny) ** exponent, 0.0)
    power: Tensor = (vectors * powers) @ vectors.T
    return power


def _potential(x: Tensor, slope: Tensor, transport: Tensor) -> Tensor:
    """Derivative of the Fréchet distance by weights of (n, D): by the mean it is `slope`, by the covariance I - T."""
    centred = x - x.mean(0)
    values = centred @ slope + centred.square().sum(1) - ((centred @ transport) * centred).sum(1)
    return values - values.mean()


def _polynomial(x: Tensor, y: Tensor) -> Tensor:
    gram: Tensor = x @ y.T / x.shape[1] + 1
    return gram**_DEGREE


def _others(gram: Tensor) -> Tensor:
    """(n,) each row's mean without the diagonal."""
    return (gram.sum(1) - gram.diagonal()) / (len(gram) - 1)
