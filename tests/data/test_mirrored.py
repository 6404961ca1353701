"""Photographs are mirrored in training only where left and right mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit.data import Store
from attredit.data.mirrored import symmetric
from attredit.errors import UsageError
from attredit.launch import train
from attredit.plugin.registry import installed
from attredit.request import Request
from attredit.runs.directory import RunDirectory


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise around a bright middle; with a low band if they are Low, and one at the left if Left, else at the right."""
    place, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    rows = ["file_name,split,Low,Left"]
    for i in range(120):
        pixels = random.integers(0, 120, (32, 32, 3), np.uint8)
        pixels[8:24, 8:24] += 60
        low, left = random.integers(0, 2), i % 2
        pixels[24:] += np.uint8(60 * low)
        pixels[:, slice(0, 6) if left else slice(26, 32)] += 60
        Image.fromarray(pixels).save(place / f"{i}.png")
        rows.append(f"{i}.png,{'test' if i > 110 else 'train'},{low},{left}")
    (place / "metadata.csv").write_text("\n".join(rows))
    return place


@pytest.fixture(scope="module")
def store(photographs: Path) -> Store:
    return Request(dataset=f"folder:{photographs}", image_size=32).collection(installed()).store("train")


@pytest.mark.parametrize(("names", "expected"), [(("Low",), True), (("Left",), False), (("Low", "Left"), False)])
def test_an_attribute_of_one_side_is_found(store: Store, names: tuple[str, ...], expected: bool) -> None:
    assert symmetric(store, names) is expected


def test_images_that_lean_on_average_are_not_mirrored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Store.batch
    monkeypatch.setattr(Store, "batch", lambda self, rows: batch(self, rows) // torch.arange(1, 33))
    assert not symmetric(store, ("Low",))


def test_unknown_attribute(store: Store) -> None:
    with pytest.raises(UsageError, match="Beard"):
        symmetric(store, ("Beard",))


@pytest.mark.parametrize(
    ("attribute", "asked", "expected"),
    [("Low", (), ("flip",)), ("Left", (), ()), ("Left", ("flip",), ("flip",)), ("Low", ("none",), ("none",))],
)
def test_a_run_says_what_was_done(
    attribute: str, asked: tuple[str, ...], expected: tuple[str, ...], photographs: Path, request_for: Any
) -> None:
    more = {"dataset": f"folder:{photographs}", "data_options": {}, "attributes": (attribute,), "steps": 1}
    assert RunDirectory(train(request_for(**more, augment=asked))).config().request.augment == expected


def test_drawn_images_stay_as_they_are(request_for: Any) -> None:
    assert RunDirectory(train(request_for(steps=1))).config().request.augment == ()


def test_none_goes_with_no_other() -> None:
    with pytest.raises(UsageError, match="none goes with no other"):
        Request.of({"augment": ("none", "flip")})
