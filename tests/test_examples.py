"""Every example runs by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path: Path, tmp_path: Path, run_process: Any) -> None:
    done = run_process([sys.executable, str(path), str(tmp_path)])
    assert "smiling.png" in done.stdout
    assert (tmp_path / "smiling.png").stat().st_size > 100
