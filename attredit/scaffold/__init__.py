"""Begins plugins: `attredit plugins new` writes a distribution that works, of one kind, for its author to change.

distribution.py  which names can be taken, what is written, and where to
templates/       the files: those of `common` and those of one kind together are a distribution
"""

from __future__ import annotations

from attredit.scaffold.distribution import KINDS, Distribution, checked_name

__all__ = ["KINDS", "Distribution", "checked_name"]
