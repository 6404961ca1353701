"""How what was started in a notebook goes: a bar in its cell, of nothing but what notebooks have."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from html import escape
from typing import Any

from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer, in_words

_SECONDS = 0.5


def in_notebook() -> bool:
    """Whether a kernel runs this, and not a terminal or a script."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Bar:
    """A bar with words beside it; a `StagedProgress` with the stage as its words."""

    def __init__(self) -> None:
        from IPython.display import display

        self._moved = -_SECONDS
        self._handle: Any = display({"text/html": ""}, raw=True, display_id=True)

    def __call__(self, words: str, done: int, total: int) -> None:
        """Move it, unless that was done a moment ago; its end is always shown."""
        if done < total and time.perf_counter() - self._moved < _SECONDS:
            return
        self._moved = time.perf_counter()
        bar = f'<progress max="{total}" value="{done}" style="width: 24em"></progress>'
        self._handle.update({"text/html": f"{bar} {done:,} of {total:,} {escape(words)}"}, raw=True)


class NotebookBar(Observer):
    """A bar of steps, and the latest losses."""

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Show the bar."""
        self._total, self._losses, self._bar = config.steps, "", Bar()
        self.on_step(step)

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Remember losses."""
        self._losses = in_words(metrics, ", ")

    def on_step(self, step: int) -> None:
        """Move the bar."""
        self._bar(f"steps {self._losses}".rstrip(), step, self._total)
