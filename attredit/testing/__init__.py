"""The conformance kit: does a plugin keep what the core promises of its components?

    from attredit.testing import check_plugin

    def test_conformance():
        check_plugin("mine")

docs/conformance.md explains every promise. The fixtures are in `attredit.testing.pytest_plugin`, which pytest finds by
itself. Names are resolved when first used, as in `attredit` itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attredit.testing.check import check_plugin, checks, plan
    from attredit.testing.promises import PROMISES, Promise
    from attredit.testing.report import BrokenPromises, Check, Report

_HOME = {
    "PROMISES": "promises",
    "BrokenPromises": "report",
    "Check": "report",
    "Promise": "promises",
    "Report": "report",
    "check_plugin": "check",
    "checks": "check",
    "plan": "check",
}

__all__ = ["PROMISES", "BrokenPromises", "Check", "Promise", "Report", "check_plugin", "checks", "plan"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.testing.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
