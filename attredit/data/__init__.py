"""How images become batches: sources are decoded once into a memory-mapped store, and batches are slices of it."""

from __future__ import annotations

from attredit.data.augment import Augmentation
from attredit.data.geometry import CROPS, Crop, Geometry
from attredit.data.sampling import indices_of_step
from attredit.data.store import Store, cache_dir, fingerprint_of, prepare, require_classes

__all__ = [
    "CROPS",
    "Augmentation",
    "Crop",
    "Geometry",
    "Store",
    "cache_dir",
    "fingerprint_of",
    "indices_of_step",
    "prepare",
    "require_classes",
]
