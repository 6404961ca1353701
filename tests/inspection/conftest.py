"""Drawn faces, and stores of any images and labels, as `prepare` would have made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attredit.attributes import AttributeSchema
from attredit.data import Geometry, Store


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
    """240 drawn faces, 32x32."""
    from attredit_synthfaces.source import SynthFaces

    return np.stack(SynthFaces(image_size=32, train=240).image("train", list(range(240))))


@pytest.fixture(scope="session")
def store_of() -> Callable[..., Store]:
    """Make a store in memory; without labels every image is of one value of one attribute."""

    def make(images: np.ndarray, labels: np.ndarray | None = None, schema: AttributeSchema | None = None) -> Store:
        given = np.zeros((len(images), 1)) if labels is None else labels
        names = schema or AttributeSchema.of_binary([f"a{i}" for i in range(given.shape[1])])
        geometry = Geometry(images.shape[1], images.shape[3])
        return Store(Path("nowhere"), "drawn", names, geometry, "0" * 16, images, given.astype(np.int16))

    return make
