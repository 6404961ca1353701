"""What a data set is, before a model learns from it: how often, how entangled, how often twice, and what will hurt.

statistics.py  values and pairs of values, counted
duplicates.py  images that are there more than once
mislabelled.py labels that are probably wrong
collection.py  all of it, with warnings
page.py        one HTML page that needs nothing else
"""

from __future__ import annotations

from attredit.inspection.collection import Inspection, inspect, warnings_of

__all__ = ["Inspection", "inspect", "warnings_of"]
