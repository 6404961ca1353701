"""What a plugin's metric obeys. A protocol, so plugins inherit from nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attredit.editing.editor import Editor
from attredit.evaluation.data import EvaluationData


class Metric(Protocol):
    """A figure that `attredit evaluate` adds to its own."""

    def __call__(self, editor: Editor, data: EvaluationData) -> Mapping[str, float]:
        """See the class."""
