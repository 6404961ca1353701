"""What those who work for long tell of it: who calls them gives a function of this kind, and shows what it hears."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told of (done, in all)."""

StagedProgress = Callable[[str, int, int], None]
"""Told of (what is being done, how much of it, of how much)."""


def silent(*told: object) -> None:
    """Progress that nobody watches."""
