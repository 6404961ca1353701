"""Where to compute: the one place that turns a device's name into a device, for training, editing and evaluation."""

from __future__ import annotations

import torch

from attredit.errors import UsageError


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
