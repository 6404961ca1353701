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
from attredit.version import API as API, __version__ as __version__

if TYPE_CHECKING:
    from attredit.attributes import Attribute as Attribute, AttributeSchema as AttributeSchema
    from attredit.data.source import DataSource as DataSource
    from attredit.editing.editor import Editor as Editor, load as load
    from attredit.editing.model import Model as Model
    from attredit.errors import (
        AttrEditError as AttrEditError,
        DataError as DataError,
        DivergenceError as DivergenceError,
        PluginError as PluginError,
        RunError as RunError,
        Unchanged as Unchanged,
        UsageError as UsageError,
    )
    from attredit.evaluation.data import EvaluationData as EvaluationData
    from attredit.evaluation.metric import Metric as Metric
    from attredit.evaluation.result import Evaluation as Evaluation
    from attredit.export.onnx import export_onnx as export_onnx
    from attredit.export.push import push as push
    from attredit.launch import evaluate as evaluate, resume as resume, train as train
    from attredit.networks import (
        Code as Code,
        Compositor as Compositor,
        Decoder as Decoder,
        Discriminator as Discriminator,
        Encoder as Encoder,
        Verdict as Verdict,
    )
    from attredit.plugin.hookspecs import Register as Register, hookimpl as hookimpl
    from attredit.plugin.registry import Registry as Registry, use_plugin as use_plugin
    from attredit.recipe import (
        Optimizer as Optimizer,
        Part as Part,
        Player as Player,
        Recipe as Recipe,
        Schedule as Schedule,
        Term as Term,
    )
    from attredit.report.compare import compare as compare
    from attredit.report.doctor import diagnose as diagnose
    from attredit.request import Request as Request
    from attredit.rows import Slice as Slice
    from attredit.runs.directory import RunDirectory as RunDirectory
    from attredit.sharpening import sharpen as sharpen
    from attredit.training.objectives import Factorizer as Factorizer
    from attredit.training.observer import Observer as Observer
    from attredit.training.view import BatchView as BatchView

__getattr__, __all__ = lazily(
    __name__,
    {
        "attributes": "Attribute AttributeSchema",
        "data.source": "DataSource",
        "editing.editor": "Editor load",
        "editing.model": "Model",
        "errors": "AttrEditError DataError DivergenceError PluginError RunError Unchanged UsageError",
        "evaluation.data": "EvaluationData",
        "evaluation.metric": "Metric",
        "evaluation.result": "Evaluation",
        "export.onnx": "export_onnx",
        "export.push": "push",
        "launch": "evaluate resume train",
        "networks": "Code Compositor Decoder Discriminator Encoder Verdict",
        "plugin.hookspecs": "Register hookimpl",
        "plugin.registry": "Registry use_plugin",
        "recipe": "Optimizer Part Player Recipe Schedule Term",
        "report.compare": "compare",
        "report.doctor": "diagnose",
        "request": "Request",
        "rows": "Slice",
        "runs.directory": "RunDirectory",
        "sharpening": "sharpen",
        "training.objectives": "Factorizer",
        "training.observer": "Observer",
        "training.view": "BatchView",
    },
)
__all__ += ["API", "__version__"]


def __dir__() -> list[str]:
    return __all__
