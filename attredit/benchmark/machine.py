"""What a cell ran on, and how much memory it took."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path


def machine(device: str | None) -> dict[str, str | int]:
    """Processor, cores, threads, device and versions; nothing that names the machine or its user."""
    import torch

    from attredit.devices import device_of

    where = device_of(device)
    gpu = {"gpu": torch.cuda.get_device_name(where)} if where.type == "cuda" else {}
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": where.type,
        **gpu,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "attredit": version("attredit"),
    }


def peak_memory() -> int | None:
    """Largest resident memory of this process so far, in bytes; None on Windows, whose Python does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_gpu_memory(device: str | None) -> int | None:
    """Largest memory of tensors on the current GPU so far, in bytes; None where another device computes."""
    import torch

    from attredit.devices import device_of

    return torch.cuda.max_memory_allocated() if device_of(device).type == "cuda" else None


def _cpu() -> str:
    """The processor's name."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
