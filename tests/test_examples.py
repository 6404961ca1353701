"""Every example runs by itself, and prints and writes what it is for."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from narrow import narrow
from PIL import Image

from attredit import launch
from attredit.plugin.registry import using_plugins
from attredit.request import Request

FOLDER = Path(__file__).parents[1] / "examples"

# By example: what it prints, as a regular expression, and the pictures that it writes with their sizes.
EXPECTED: dict[str, tuple[str, dict[str, tuple[int, int]]]] = {
    "train_from_python": (r"before: .*\nafter:  .*\n.*smiling\.png", {"smiling.png": (32, 32)}),
    "notebook": (
        r"(\{'Smiling': .*\n){4}array: uint8 \(4, 32, 32, 3\)",
        {"notebook.png": (600, 700), "sweep.gif": (32, 32)},
    ),
    "categorical_attribute": (
        r"red: \{'red': [\d.]+, 'green': [\d.]+, 'blue': [\d.]+\}\ngreen: .*\nblue: ",
        dict.fromkeys(("red.png", "green.png", "blue.png"), (32, 32)),
    ),
    "csv_dataset": (r"Square 110, to which a ring was added", {"ring.png": (40, 40)}),
    "custom_term": (r"step 20: edges 0\.\d+\nstep 40: edges 0\.\d+\nstep 60: edges 0\.\d+\n", {}),
    "critic": (r'"critic/critic": -?[\d.]+', {}),
    "custom_metric": (r"sharpness \d\.\d+ beside mse 0\.\d+", {}),
}


def test_every_example_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(EXPECTED)
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert set(re.findall(r"`python examples/(\w+)\.py`", readme)) == set(EXPECTED)
    distributions = {path.parent.name for path in FOLDER.glob("*/pyproject.toml")}
    assert set(re.findall(r"`pip install \./examples/([\w-]+)`", readme)) == distributions


@pytest.fixture
def run(run_python: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run an example, and give what it prints; in this process and briefly, but for one in a process of its own."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    train = launch.train

    def briefly(request: Request | None = None, **asked: Any) -> Path:
        whole = Request.of({**(request.model_dump(exclude_unset=True) if request else {}), **asked})
        return train(narrow(whole).replaced(steps=20))

    monkeypatch.setattr(launch, "train", briefly)

    def script(name: str, folder: Path) -> str:
        words = [str(FOLDER / f"{name}.py"), str(folder)]
        if name == "custom_term":
            return run_python("-W", "error", *words).stdout  # type: ignore[no-any-return]
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.syspath_prepend(FOLDER)  # as Python does
        with using_plugins([]):
            runpy.run_path(words[0], run_name="__main__")
        return capsys.readouterr().out

    return script


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str, tmp_path: Path, run: Callable[..., str]) -> None:
    said, pictures = EXPECTED[name]
    printed = run(name, tmp_path)
    assert re.search(said, printed), printed
    for file, size in pictures.items():
        with Image.open(tmp_path / file) as picture:
            assert picture.size == size
            assert picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1]


def test_examples_are_short() -> None:
    lines = {path.name: len(path.read_text("utf-8").splitlines()) for path in FOLDER.glob("*.py")}
    assert max(lines.values()) < 90, lines
