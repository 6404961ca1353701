"""Pictures and figures of a run, as people look at them: one HTML page that needs nothing else, and one PNG.

lettering.py text in pictures, in any script
grid.py      labelled grids of images
faces.py     test faces and what a model makes of them
drawing.py   what matplotlib draws, in the colours of a page
curves.py    losses over training
figures.py   evaluation.json in words, groups and order
commands.py  the command line that a run came from
document.py  HTML pages, from templates: document.html.jinja has what all have, parts.html.jinja what some have
page.py      report.html
summary.py   report.png
card.py      README.md of a run, its model card
doctor.py    what is wrong with a run

Names are resolved when first used, as in `attredit` itself: torch and matplotlib are loaded by what needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attredit.report.write import write_report

_HOME = {"write_report": "write"}

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attredit.report' has no attribute {name!r}")
    return getattr(importlib.import_module(f"attredit.report.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
