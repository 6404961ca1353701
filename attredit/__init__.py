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
    from attredit.errors import AttrEditError, DataError, DivergenceError, PluginError, RunError, Unchanged, UsageError
    from attredit.evaluation.metric import Metric
    from attredit.evaluation.result import Evaluation
    from attredit.launch import evaluate, resume, train
    from attredit.networks import Code, Compositor, Decoder, Discriminator, Encoder, Verdict
    from attredit.plugin.hookspecs import hookimpl
    from attredit.plugin.registry import Registry, use_plugin
    from attredit.recipe import Optimizer, Part, Player, Recipe, Schedule, Term
    from attredit.report.compare import compare
    from attredit.report.doctor import diagnose
    from attredit.request import Request
    from attredit.runs.directory import RunDirectory
    from attredit.training.objectives import Factorizer
    from attredit.training.observer import Observer
    from attredit.training.view import BatchView

_HOME = {
    "AttrEditError": "errors",
    "Attribute": "attributes",
    "AttributeSchema": "attributes",
    "BatchView": "training.view",
    "Code": "networks",
    "compare": "report.compare",
    "Compositor": "networks",
    "DataError": "errors",
    "DataSource": "data.source",
    "Decoder": "networks",
    "diagnose": "report.doctor",
    "Discriminator": "networks",
    "DivergenceError": "errors",
    "Editor": "editing.editor",
    "Encoder": "networks",
    "evaluate": "launch",
    "Evaluation": "evaluation.result",
    "Factorizer": "training.objectives",
    "hookimpl": "plugin.hookspecs",
    "load": "editing.editor",
    "Metric": "evaluation.metric",
    "Model": "editing.model",
    "Observer": "training.observer",
    "Optimizer": "recipe",
    "Part": "recipe",
    "Player": "recipe",
    "PluginError": "errors",
    "Recipe": "recipe",
    "Registry": "plugin.registry",
    "Request": "request",
    "resume": "launch",
    "RunDirectory": "runs.directory",
    "RunError": "errors",
    "Schedule": "recipe",
    "Term": "recipe",
    "train": "launch",
    "Unchanged": "errors",
    "UsageError": "errors",
    "use_plugin": "plugin.registry",
    "Verdict": "networks",
}

__all__ = [
    "API",
    "AttrEditError",
    "Attribute",
    "AttributeSchema",
    "BatchView",
    "Code",
    "Compositor",
    "DataError",
    "DataSource",
    "Decoder",
    "Discriminator",
    "DivergenceError",
    "Editor",
    "Encoder",
    "Evaluation",
    "Factorizer",
    "Metric",
    "Model",
    "Observer",
    "Optimizer",
    "Part",
    "Player",
    "PluginError",
    "Recipe",
    "Registry",
    "Request",
    "RunDirectory",
    "RunError",
    "Schedule",
    "Term",
    "Unchanged",
    "UsageError",
    "Verdict",
    "__version__",
    "compare",
    "diagnose",
    "evaluate",
    "hookimpl",
    "load",
    "resume",
    "train",
    "use_plugin",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
