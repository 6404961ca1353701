"""What a plugin's metric obeys. A protocol, so plugins inherit from nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attredit.editing.editor import Editor
from attredit.evaluation.data import EvaluationData


class Metric(Protocol):
    """Figures that `attredit evaluate` adds to its own.

    By name, either one number, or (N,) one for each evaluated image, NaN where it says nothing: then the figure is
    their mean and has an interval, and benchmarks compare it image by image, like any other.
    """

    def __call__(self, editor: Editor, data: EvaluationData) -> Mapping[str, float | Tensor | NDArray[np.float64]]:
        """See the class."""
