"""Where to compute, and so that it can be repeated, in training, editing and evaluation alike.

No other place turns a device's name into a device.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from attredit.errors import UsageError

if TYPE_CHECKING:
    from accelerate import Accelerator


def device_of(name: str | None) -> torch.device:
    """The device of that name, such as cpu, cuda or cuda:1; the fastest kind there is when None.

    Raises:
        UsageError: this machine has no such device.
    """
    # Devices are counted even where the driver is too old to use them.
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    count = {"cuda": gpus, "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    have = [kind for kind in count if count[kind]]
    kind, colon, index = (have[0] if name is None else name).partition(":")
    if kind not in have or (colon and not (index.isdecimal() and int(index) < count[kind])):
        raise UsageError(f"Device {name!r} is not usable here.", f"Usable: {', '.join(have)}.")
    return torch.device(name or kind)


def accelerator_for(device: str | None, precision: str) -> Accelerator:
    """The engine of a training.

    Raises:
        UsageError: a device that this machine does not have, bf16 on one that cannot compute with it, or several
            processes on one that they cannot share.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import is_bf16_available

    wanted = device_of(device)
    if wanted.index is not None:
        raise UsageError(
            f"Training on {device} alone cannot be asked for by name.",
            f"Use --device {wanted.type}, and let CUDA_VISIBLE_DEVICES={wanted.index} choose.",
        )
    if precision == "bf16" and not is_bf16_available(ignore_tpu=True):
        raise UsageError("bf16 is not usable on this machine.", "Use --precision fp32.")
    # The engine's state is one for the whole process: without this, a second training would have to use the device and
    # the precision of the first.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        # Without the word, the engine takes processes of a machine without GPUs for strangers.
        cpu=wanted.type == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
    )
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if accelerator.num_processes != launched:
        raise UsageError(f"{launched} processes cannot share {wanted.type}.", "Start one, or use --device cpu.")
    return accelerator


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Random numbers that are drawn within are forgotten afterwards, and convolutions add in the same order every time.

    Of what networks here are made of, CUDA still adds the gradients of enlarged feature maps in any order.

    Args:
        device: Where networks compute.
    """
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.deterministic
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        cudnn.deterministic = True
        try:
            yield
        finally:
            cudnn.deterministic = before


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What is drawn on the CPU within is a function of the seed; afterwards all generators are as they were before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
