"""Comparisons of methods: a suite is carried out cell by cell, and what was measured becomes tables.

suite.py        what is compared: small TOML files, of which suites/ has some
cells.py        one training and evaluation each, and the hash that says when two are the same
plan.py         what was asked for last, and the paths of a benchmark directory
runner.py       decides what is left, starts it, and waits
engine.py       where cells run: processes of this machine, or a cluster
worker.py       one cell, in a process of its own
calibration.py  how long steps take
results.py      results.jsonl
compare.py      figures over seeds, and which of them is the best
tables.py       Markdown, LaTeX, CSV

Names are resolved when first used, as in `attredit` itself: torch is loaded by what needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attredit.benchmark.runner import run
    from attredit.benchmark.suite import Suite, read_suite
    from attredit.benchmark.tables import write_tables

_HOME = {"Suite": "suite", "read_suite": "suite", "run": "runner", "write_tables": "tables"}

__all__ = ["Suite", "read_suite", "run", "write_tables"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit.benchmark' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.benchmark.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
