"""Imports a plugin in a process of its own, and writes down what that did; see `attredit.testing.imports`.

    python -m attredit.testing.probe ANSWER.json listing MODULE
    python -m attredit.testing.probe ANSWER.json changes MODULE [TARGET ...]

The first: what listing the plugin imports, and how long that takes. The second: what importing it and its targets
changes in torch, NumPy and Python's `random`. Whatever reaches stdout was printed by the plugin.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

# All that a plugin's module needs of attredit, so that it is not counted as the plugin's.
import attredit.plugin.hookspecs
import attredit.plugin.registry  # noqa: F401
from attredit.plugin.files import make_importable

HEAVY = ("torch", "datasets", "accelerate", "torchvision", "transformers")
_WATCHED = ("torch", "torch.random", "torch.nn.init", "torch.nn.functional", "numpy", "numpy.random", "random")


def listing(module: str) -> dict[str, Any]:
    """What importing the plugin's module costs and brings along."""
    before = set(sys.modules)
    started = time.perf_counter()
    importlib.import_module(module)
    milliseconds = 1000 * (time.perf_counter() - started)
    return {"milliseconds": milliseconds, "heavy": [name for name in HEAVY if name in set(sys.modules) - before]}


def changes(module: str, targets: list[str]) -> dict[str, Any]:
    """What importing the plugin's module and its targets changes elsewhere."""
    importlib.import_module("torch._dynamo")  # which many libraries import, and which wraps torch.manual_seed
    watched = {name: importlib.import_module(name) for name in _WATCHED}
    functions = {
        f"{name}.{key}": value
        for name, where in watched.items()
        for key, value in vars(where).items()
        if callable(value) and not key.startswith("_")
    }
    settings = _settings()
    importlib.import_module(module)
    for target in targets:
        importlib.import_module(target.partition(":")[0])
    replaced = [name for name, was in functions.items() if _now(watched, name) is not was]
    return {"changed": [key for key, value in _settings().items() if value != settings[key]] + replaced}


def _now(watched: dict[str, Any], name: str) -> Any:
    where, _, key = name.rpartition(".")
    return getattr(watched[where], key, None)


def _settings() -> dict[str, Any]:
    """Random states and global settings, in a form that can be compared."""
    import random

    import numpy as np
    import torch

    return {
        "torch's random state": torch.get_rng_state().tolist(),
        "NumPy's random state": repr(np.random.get_state(legacy=True)),
        "Python's random state": random.getstate(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": str(torch.get_default_device()),
        "torch's number of threads": torch.get_num_threads(),
        "whether torch records gradients": torch.is_grad_enabled(),
        "torch's choice of deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


if __name__ == "__main__":
    answer, what, module, *targets = sys.argv[1:]
    make_importable()  # the plugin may be a file
    found = changes(module, targets) if what == "changes" else listing(module)
    Path(answer).write_text(json.dumps(found), "utf-8")
