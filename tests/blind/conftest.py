"""Two tiny runs of one data set, and the page that compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium

from attredit.blind.compare import Asked, BlindComparison, comparison_of
from attredit.blind.page import write_comparison
from attredit.launch import train


@pytest.fixture(scope="session")
def runs(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("blind")
    return [
        train(
            tiny_request(method=method, attributes=("Smiling", "Eyeglasses"), steps=2, run_dir=str(home / name / "run"))
        )
        for name, method in (("plain", "naive-cvaegan"), ("factorized", "ifcvaegan"))
    ]


@pytest.fixture(scope="session")
def compared(runs: list[Path]) -> BlindComparison:
    return comparison_of(runs, Asked(pairs=6, again=2, seed=3))


@pytest.fixture(scope="session")
def page(compared: BlindComparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "blind.html"
    write_comparison(compared, path)
    return path


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    found = Chromium(tmp_path / "browser")
    yield found
    found.close()
