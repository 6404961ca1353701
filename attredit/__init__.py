"""attredit: edit attributes of images with models anyone can train, compare and extend.

    import attredit

    editor = attredit.load("runs/ifcvaegan-synthfaces-Smiling")
    editor.edit("photo.png", Smiling=1).save("smiling.png")

Importing this package costs nothing: every name below is resolved when first used (PEP 562), so that plugins can be
listed and the command line can answer `--help` without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from attredit.version import API, __version__

if TYPE_CHECKING:
    from attredit.attributes import Attribute, AttributeSchema
    from attredit.data.source import DataSource
    from attredit.editing.editor import Editor, load
    from attredit.editing.model import Model
    from attredit.errors import AttrEditError, DataError, DivergenceError, PluginError, RunError, UsageError
    from attredit.evaluation.metric import Metric
    from attredit.launch import train
    from attredit.networks import Code, Decoder, Discriminator, Encoder, Verdict
    from attredit.plugin.hookspecs import hookimpl
    from attredit.plugin.registry import Registry, use_plugin
    from attredit.recipe import Optimizer, Part, Player, Recipe, Schedule, Term
    from attredit.request import Request
    from attredit.training.objectives import Factorizer
    from attredit.training.view import BatchView

_HOME = {
    "Attribute": "attributes",
    "AttributeSchema": "attributes",
    "AttrEditError": "errors",
    "DivergenceError": "errors",
    "PluginError": "errors",
    "UsageError": "errors",
    "DataError": "errors",
    "RunError": "errors",
    "BatchView": "training.view",
    "Code": "networks",
    "DataSource": "data.source",
    "Decoder": "networks",
    "Discriminator": "networks",
    "Editor": "editing.editor",
    "Encoder": "networks",
    "Factorizer": "training.objectives",
    "Metric": "evaluation.metric",
    "Model": "editing.model",
    "Optimizer": "recipe",
    "Part": "recipe",
    "Player": "recipe",
    "Recipe": "recipe",
    "Registry": "plugin.registry",
    "Request": "request",
    "Schedule": "recipe",
    "Term": "recipe",
    "Verdict": "networks",
    "hookimpl": "plugin.hookspecs",
    "load": "editing.editor",
    "train": "launch",
    "use_plugin": "plugin.registry",
}

__all__ = [
    "API",
    "AttrEditError",
    "Attribute",
    "AttributeSchema",
    "BatchView",
    "Code",
    "DataError",
    "DataSource",
    "Decoder",
    "Discriminator",
    "DivergenceError",
    "Editor",
    "Encoder",
    "Factorizer",
    "Metric",
    "Model",
    "Optimizer",
    "Part",
    "Player",
    "PluginError",
    "Recipe",
    "Registry",
    "Request",
    "RunError",
    "Schedule",
    "Term",
    "UsageError",
    "Verdict",
    "__version__",
    "hookimpl",
    "load",
    "train",
    "use_plugin",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
