"""How a training that was started in a notebook goes: a bar in its cell, of nothing but what notebooks have."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer

_SECONDS = 0.5
_LOSSES_SHOWN = 3


def in_notebook() -> bool:
    """Whether a kernel runs this, and not a terminal or a script."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookBar(Observer):
    """A bar, and the latest losses."""

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Show the bar."""
        from IPython.display import display

        self._total, self._said, self._losses = config.steps, time.perf_counter(), ""
        self._handle: Any = display({"text/html": self._html(step)}, raw=True, display_id=True)

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Remember losses."""
        named = {name.rpartition("/")[2]: value for name, value in metrics.items() if "/" in name}
        self._losses = ", ".join(f"{name} {value:.3g}" for name, value in list(named.items())[:_LOSSES_SHOWN])

    def on_step(self, step: int) -> None:
        """Move the bar."""
        if step == self._total or time.perf_counter() - self._said > _SECONDS:
            self._said = time.perf_counter()
            self._handle.update({"text/html": self._html(step)}, raw=True)

    def _html(self, step: int) -> str:
        bar = f'<progress max="{self._total}" value="{step}" style="width: 24em"></progress>'
        return f"{bar} step {step:,} of {self._total:,} {self._losses}"
