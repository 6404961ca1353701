"""The conformance kit: does a plugin keep what the core promises of its components?

    from attredit.testing import check_plugin

    def test_conformance():
        check_plugin("mine")

docs/conformance.md explains every promise. The fixtures are in `attredit.testing.pytest_plugin`, which pytest finds by
itself. Names are resolved when first used, as in `attredit` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit.lazily import lazily

if TYPE_CHECKING:
    from attredit.testing.check import check_plugin as check_plugin, checks as checks, plan as plan
    from attredit.testing.promises import PROMISES as PROMISES, Promise as Promise
    from attredit.testing.report import BrokenPromises as BrokenPromises, Check as Check, Report as Report

__getattr__, __all__ = lazily(
    __name__,
    {"check": "check_plugin checks plan", "promises": "PROMISES Promise", "report": "BrokenPromises Check Report"},
)


def __dir__() -> list[str]:
    return __all__
