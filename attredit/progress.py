"""What those who work for long tell of it: who calls them gives a function of this kind, and shows what it hears."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told of (done, in all)."""

StagedProgress = Callable[[str, int, int], None]
"""Told of (what is being done, how much of it, of how much)."""


def silent(*told: object) -> None:
    """Progress that nobody watches."""


class Pace:
    """How fast something goes that is counted.

    Args:
        done: How much was done when it was first heard of.
    """

    def __init__(self, done: int) -> None:
        self._first, self._began = done, time.perf_counter()

    def at(self, done: int) -> float:
        """So many a second since then; 0 while that would be a guess."""
        seconds = time.perf_counter() - self._began
        return (done - self._first) / seconds if seconds > 0.2 else 0.0
