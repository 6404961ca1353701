"""Factorization without an adversary: match the distribution of z across the values of each attribute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit import BatchView


class KernelMMD(nn.Module):
    """Squared maximum mean discrepancy between z given a label and z without it (Gretton et al. 2012, equation 3).

    Summed over several bandwidths and averaged over the columns of the conditioning vector. The unbiased estimate needs
    two images on either side; columns of a batch that lack them do not count. An image without a label is on neither.

    Args:
        bandwidths: Kernel widths as multiples of Z, the expected scale of squared distances under the prior is 2 Z.
        kernel: "rational" for the rational quadratic c / (c + d^2), "gaussian" for exp(-d^2 / c).
    """

    def __init__(self, *, bandwidths: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0), kernel: str = "rational") -> None:
        super().__init__()
        self.bandwidths, self.kernel = tuple(bandwidths), kernel

    def penalty(self, view: BatchView) -> Tensor:
        """The mean over columns of MMD^2 over the global batch."""
        z, y = view.gather(view.z().flatten(1)), view.gather(view.targets)
        return mmd(self._gram(z), y)

    def fit(self, view: BatchView) -> None:
        """Nothing to fit."""

    def _gram(self, z: Tensor) -> Tensor:
        # |a|^2 + |b|^2 - 2ab in one matrix product; clamped because rounding may leave tiny negatives.
        squared = z.square().sum(1)
        distance = (squared[:, None] + squared[None, :] - 2.0 * z @ z.T).clamp(min=0.0)
        scales = [b * z.shape[1] for b in self.bandwidths]
        if self.kernel == "gaussian":
            return torch.stack([(-distance / c).exp() for c in scales]).sum(0)
        return torch.stack([c / (c + distance) for c in scales]).sum(0)


def mmd(gram: Tensor, labels: Tensor) -> Tensor:
    """Unbiased MMD^2 from a kernel matrix (B, B) and indicator columns (B, A), NaN if unknown; mean over columns."""
    gram = gram - torch.diag(gram.diagonal())
    on, off = labels.nan_to_num(nan=0.0), (1.0 - labels).nan_to_num(nan=0.0)
    n_on, n_off = on.sum(0), off.sum(0)
    within_on = (on * (gram @ on)).sum(0) / (n_on * (n_on - 1)).clamp(min=1.0)
    within_off = (off * (gram @ off)).sum(0) / (n_off * (n_off - 1)).clamp(min=1.0)
    between = (on * (gram @ off)).sum(0) / (n_on * n_off).clamp(min=1.0)
    usable = ((n_on > 1) & (n_off > 1)).float()
    return ((within_on + within_off - 2.0 * between) * usable).mean()


class NoFactorization(nn.Module):
    """Asks nothing of the encoder."""

    def penalty(self, view: BatchView) -> Tensor:
        """Zero."""
        return view.real.new_zeros(())

    def fit(self, view: BatchView) -> None:
        """Nothing to fit."""
