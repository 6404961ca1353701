"""What `attredit evaluate` measures, with 95 % intervals; docs/metrics.md defines every figure.

Names are resolved when first used, as in `attredit` itself: torch is loaded by what needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attredit.evaluation.data import EvaluationData
    from attredit.evaluation.judge import Judge
    from attredit.evaluation.result import Evaluation
    from attredit.evaluation.run import evaluate
    from attredit.evaluation.statistics import Estimate

_HOME = {
    "Estimate": "statistics",
    "Evaluation": "result",
    "EvaluationData": "data",
    "Judge": "judge",
    "evaluate": "run",
}

__all__ = ["Estimate", "Evaluation", "EvaluationData", "Judge", "evaluate"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.evaluation.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
