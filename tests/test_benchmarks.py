"""The scripts in benchmarks/ that are quick enough to be tried, small."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SMALL = {
    "--images": 300, "--small": 32, "--large": 64, "--image-size": 32, "--batch-size": 4, "--batches": 9,
    "--steps": 2, "--repeats": 1,
}  # fmt: skip
PRINTED = (
    r"\(d\) 300 JPEGs: N s to decode and resize, N s to prepare: N times \(aim: 1\.3 or less; 1 pairs\)",
    r"\(a\) N images/s from PIL in two workers, N from the store: N times \(aim: 20 or more; 1 pairs\)",
    r"\(b\) \S+, batch 4: N ms of N ms a step get the batch: N% \(aim: less than 5%\)",
    r"\(c\) N MB with 32 images, N MB with 64: N times, [-+]N MB \(aim: less than 300 more\)",
)


def test_what_data_cost(run_process: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = [str(word) for option in SMALL.items() for word in option]
    printed = run_process([sys.executable, "-W", "error", str(FOLDER / "bench_data.py"), *options]).stdout
    for line, pattern in zip(printed.splitlines(), PRINTED, strict=True):
        assert re.fullmatch(re.sub(r"\bN\b", lambda _: r"[\d.,]+", pattern), line), printed
    assert list(tmp_path.glob("tmp*")) == []


def test_make_bench_runs_every_script() -> None:
    recipe = (FOLDER.parent / "Makefile").read_text("utf-8")
    assert set(re.findall(r"benchmarks/(bench_\w+)\.py", recipe)) == {path.stem for path in FOLDER.glob("bench_*.py")}
