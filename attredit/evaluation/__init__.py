"""What `attredit evaluate` measures, with 95 % intervals; docs/metrics.md defines every figure.

Names are resolved when first used, as in `attredit` itself: torch is loaded by what needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit.lazily import lazily

if TYPE_CHECKING:
    from attredit.evaluation.data import EvaluationData
    from attredit.evaluation.judge import Judge
    from attredit.evaluation.result import Evaluation
    from attredit.evaluation.run import evaluate
    from attredit.evaluation.statistics import Estimate

__getattr__ = lazily(
    __name__,
    {"data": "EvaluationData", "judge": "Judge", "result": "Evaluation", "run": "evaluate", "statistics": "Estimate"},
)

__all__ = ["Estimate", "Evaluation", "EvaluationData", "Judge", "evaluate"]


def __dir__() -> list[str]:
    return __all__
