"""What `attredit evaluate` measures, with 95 % intervals; docs/metrics.md defines every figure.

Names are resolved when first used, as in `attredit` itself: torch is loaded by what needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit.lazily import lazily

if TYPE_CHECKING:
    from attredit.evaluation.data import EvaluationData as EvaluationData
    from attredit.evaluation.judge import Judge as Judge
    from attredit.evaluation.result import Evaluation as Evaluation
    from attredit.evaluation.statistics import Estimate as Estimate

__getattr__, __all__ = lazily(
    __name__,
    {"data": "EvaluationData", "judge": "Judge", "result": "Evaluation", "statistics": "Estimate"},
)


def __dir__() -> list[str]:
    return __all__
