"""Where to compute: the one place that turns a device's name into a device, for training, editing and evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from attredit.errors import UsageError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn


def device_of(name: str | None) -> torch.device:
    """The device of that name, such as cpu, cuda or cuda:1; the fastest kind there is when None.

    Raises:
        UsageError: this machine has no such device.
    """
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    have = [kind for kind in count if count[kind]]
    kind, colon, index = (have[0] if name is None else name).partition(":")
    if kind not in have or (colon and not (index.isdecimal() and int(index) < count[kind])):
        raise UsageError(f"Device {name!r} is not usable here.", f"Usable: {', '.join(have)}.")
    return torch.device(name or kind)


def accelerator_for(device: str | None, precision: str) -> Accelerator:
    """The engine of a training.

    Raises:
        UsageError: a device that this machine does not have, or bf16 on one that cannot compute with it.
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
    return Accelerator(cpu=device == "cpu", mixed_precision="no" if precision == "fp32" else precision)


def agree(module: nn.Module, accelerator: Accelerator) -> None:
    """All processes take the main one's weights: what is computed from the same images may differ between machines."""
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast

        on_device = {name: value.to(accelerator.device) for name, value in module.state_dict().items()}
        module.load_state_dict(broadcast(on_device))
