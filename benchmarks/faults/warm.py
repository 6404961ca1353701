"""A process that has imported everything, for its forks to begin with."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil


def warm() -> None:
    """Import whatever commands import, and have what is here shared with forks."""
    import torch

    import attredit
    from attredit.plugin.registry import installed

    os.environ["HF_HUB_OFFLINE"] = "1"
    for module in pkgutil.walk_packages(attredit.__path__, "attredit."):
        if module.name not in ("attredit.__main__", "attredit.testing.pytest_plugin"):
            importlib.import_module(module.name)
    for name in (
        "datasets",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
        "pandas",
        "pyarrow.parquet",
        "torch._dynamo",
    ):
        importlib.import_module(name)
    installed()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
