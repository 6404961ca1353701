"""How images become batches: sources are decoded once into a memory-mapped store, and batches are slices of it."""

from __future__ import annotations

from attredit.data.augment import Augmentation
from attredit.data.geometry import CROPS, Crop, Geometry
from attredit.data.labels import nullable
from attredit.data.options import whole_number
from attredit.data.sampling import Order, groups_of, missing_of, prevalence_of
from attredit.data.splits import split_of
from attredit.data.store import Store, cache_dir, fingerprint_of, prepare, require_classes

__all__ = [
    "CROPS",
    "Augmentation",
    "Crop",
    "Geometry",
    "Order",
    "Store",
    "cache_dir",
    "fingerprint_of",
    "groups_of",
    "missing_of",
    "nullable",
    "prepare",
    "prevalence_of",
    "require_classes",
    "split_of",
    "whole_number",
]
