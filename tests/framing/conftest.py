"""Drawn faces that share a frame, a network that has learnt it, and pictures that show one somewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from attredit.attributes import AttributeSchema
from attredit.data import Frame, Geometry, Store
from attredit.evaluation.cached import kept
from attredit.framing.fit import fit_frame
from attredit.framing.network import FrameNetwork


def drawn(rng: np.random.Generator, size: int = 64) -> Image.Image:
    """Two eyes and a mouth in colours of their own: a frame that a few steps can learn."""
    image = Image.new("RGB", (size, size), tuple(rng.integers(120, 256, 3).tolist()))
    draw, dark = ImageDraw.Draw(image), tuple(rng.integers(0, 60, 3).tolist())
    for x, y, width, height in ((0.3, 0.35, 0.1, 0.1), (0.7, 0.35, 0.1, 0.1), (0.5, 0.72, 0.25, 0.07)):
        width, height = (length * rng.uniform(0.85, 1.15) for length in (width, height))
        draw.ellipse([size * v for v in (x - width, y - height, x + width, y + height)], fill=dark)
    return image


@pytest.fixture(scope="session")
def store() -> Store:
    rng = np.random.default_rng(0)
    images = np.stack([np.asarray(drawn(rng)) for _ in range(64)])
    labels = np.zeros((64, 0), np.int16)
    return Store(Path("nowhere"), "drawn", AttributeSchema(()), Geometry(64), "", images, labels)


@pytest.fixture(scope="session")
def network(store: Store, cache: Path) -> FrameNetwork:
    """Fitted by the first process that asks for it, and found in the cache by the others."""
    return kept(
        cache / "frames",
        "frame",
        {"store": "drawn", "steps": 160},
        trained=lambda: fit_frame(store, seed=0, steps=160),
        untrained=lambda: FrameNetwork(store.geometry.channels),
        device=torch.device("cpu"),
    )


@pytest.fixture(scope="session")
def scene() -> Callable[[int], tuple[Image.Image, Frame]]:
    """A picture with a subject somewhere, small or large and turned, and its frame, by a seed."""
    return pictured


def pictured(seed: int) -> tuple[Image.Image, Frame]:
    """A picture with a subject somewhere, small or large and turned, and its frame."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (240, 180), tuple(rng.integers(60, 256, 3).tolist()))
    side, angle = rng.uniform(0.2, 0.7) * picture.height, rng.uniform(-30, 30)
    x, y = (rng.uniform(0.6 * side, length - 0.6 * side) for length in picture.size)
    true = Frame(x, y, side, angle)
    (left, top), (right, down), (under, lower) = (true.seen(*at) for at in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    steps = [64 * n for n in (right - left, under - left, left + 1, down - top, lower - top, top + 1)]
    layers = [
        layer.transform(picture.size, Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR)
        for layer in (drawn(rng, 128), Image.new("L", (128, 128), 255))
    ]
    picture.paste(layers[0], mask=layers[1])
    return picture, true
