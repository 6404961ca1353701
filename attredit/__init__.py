"""attredit: edit attributes of images with models anyone can train, compare and extend.

    import attredit

    editor = attredit.load("runs/ifcvaegan-synthfaces-Smiling")
    editor.edit("photo.png", Smiling=1).save("smiling.png")

Importing this package costs nothing: every name below is resolved when first used (PEP 562), so that plugins can be
listed and the command line can answer `--help` without loading torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit.lazily import lazily
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

__getattr__ = lazily(
    __name__,
    {
        "attributes": "Attribute AttributeSchema",
        "data.source": "DataSource",
        "editing.editor": "Editor load",
        "editing.model": "Model",
        "errors": "AttrEditError DataError DivergenceError PluginError RunError Unchanged UsageError",
        "evaluation.metric": "Metric",
        "evaluation.result": "Evaluation",
        "launch": "evaluate resume train",
        "networks": "Code Compositor Decoder Discriminator Encoder Verdict",
        "plugin.hookspecs": "hookimpl",
        "plugin.registry": "Registry use_plugin",
        "recipe": "Optimizer Part Player Recipe Schedule Term",
        "report.compare": "compare",
        "report.doctor": "diagnose",
        "request": "Request",
        "runs.directory": "RunDirectory",
        "training.objectives": "Factorizer",
        "training.observer": "Observer",
        "training.view": "BatchView",
    },
)

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


def __dir__() -> list[str]:
    return __all__
