"""How images become batches: sources are decoded once into a store on the disk, and batches are read from it."""

from __future__ import annotations

from attredit.data.augment import Augmentation
from attredit.data.boxes import BOX, Box, box_of
from attredit.data.frames import Frame
from attredit.data.geometry import CROPS, Crop, Geometry, no_boxes
from attredit.data.labels import nullable
from attredit.data.left_out import BrokenImage, require_nothing_left_out
from attredit.data.options import whole_number
from attredit.data.sampling import Order, groups_of, missing_of, prevalence_of
from attredit.data.shards import Images
from attredit.data.splits import split_of
from attredit.data.store import Store, cache_dir, fingerprint_of, prepare, require_classes

__all__ = [
    "BOX",
    "CROPS",
    "Augmentation",
    "Box",
    "BrokenImage",
    "Crop",
    "Frame",
    "Geometry",
    "Images",
    "Order",
    "Store",
    "box_of",
    "cache_dir",
    "fingerprint_of",
    "groups_of",
    "missing_of",
    "no_boxes",
    "nullable",
    "prepare",
    "prevalence_of",
    "require_classes",
    "require_nothing_left_out",
    "split_of",
    "whole_number",
]
