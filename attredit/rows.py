"""What several processes share of a training step: rows of the global batch, and noise that is the same for all.

Whatever is drawn is a function of the seed, the step, a name and the sample. So it does not matter how many processes
there are, which one has a sample, and what was drawn before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True)
class Slice:
    """This process's place in the global batch: rows `start` to `stop` of `total`."""

    start: int
    stop: int
    total: int

    def __len__(self) -> int:
        return self.stop - self.start


def noise(seed: int, step: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise (on the CPU) that is a pure function of its arguments, on any machine and process."""
    digest = hashlib.blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
    return torch.randn(shape, generator=generator)


def noise_of(rows: Slice, seed: int, step: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """(B, *shape) standard normal noise of these rows, drawn for the global batch."""
    return noise(seed, step, name, (rows.total, *shape))[rows.start : rows.stop]


def gathered(tensor: Tensor, rows: Slice) -> Tensor:
    """Rows of all processes, in order, with gradients to all."""
    if len(rows) == rows.total:
        return tensor
    whole: Tensor = _Gather.apply(tensor)
    return whole


class _Gather(torch.autograd.Function):
    """Concatenate rows of all processes; each gets back the sum of all processes' gradients to its own rows."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        whole = gradient.contiguous().clone()
        torch.distributed.all_reduce(whole)
        first = torch.distributed.get_rank() * ctx.rows
        return whole[first : first + ctx.rows]
