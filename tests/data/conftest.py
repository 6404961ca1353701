"""A cache directory of its own for every test here: they look at what is left in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's stores are."""
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stores"


@pytest.fixture
def left(stores: Path) -> Callable[[], list[str]]:
    """Names of what is in there, apart from locks."""
    return lambda: sorted(p.name for p in stores.iterdir() if p.suffix != ".lock")
