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

if TYPE_CHECKING:
    from attredit.attributes import Attribute, AttributeSchema
    from attredit.editor import Editor, load
    from attredit.errors import AttrEditError, DataError, DivergenceError, PluginError, RunError, UsageError
    from attredit.hookspecs import hookimpl
    from attredit.interfaces import Code, DataSource, Decoder, Discriminator, Encoder, Factorizer, Metric, Verdict
    from attredit.launch import train
    from attredit.recipe import Optimizer, Part, Player, Recipe, Schedule, Term
    from attredit.registry import Registry, use_plugin
    from attredit.view import BatchView

__version__ = "0.1.0"

API = 1
"""The plugin API that this version speaks; a plugin's module says which it was written for: ``attredit_api = 1``."""

_HOME = {
    "Attribute": "attributes",
    "AttributeSchema": "attributes",
    "AttrEditError": "errors",
    "DivergenceError": "errors",
    "PluginError": "errors",
    "UsageError": "errors",
    "DataError": "errors",
    "RunError": "errors",
    "BatchView": "view",
    "Code": "interfaces",
    "DataSource": "interfaces",
    "Decoder": "interfaces",
    "Discriminator": "interfaces",
    "Editor": "editor",
    "Encoder": "interfaces",
    "Factorizer": "interfaces",
    "Metric": "interfaces",
    "Optimizer": "recipe",
    "Part": "recipe",
    "Player": "recipe",
    "Recipe": "recipe",
    "Registry": "registry",
    "Schedule": "recipe",
    "Term": "recipe",
    "Verdict": "interfaces",
    "hookimpl": "hookspecs",
    "load": "editor",
    "train": "launch",
    "use_plugin": "registry",
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
    "Optimizer",
    "Part",
    "Player",
    "PluginError",
    "Recipe",
    "Registry",
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
