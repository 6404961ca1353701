"""The distributions in examples/, as a stranger gets them: installed by pip into an environment of their own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DISTRIBUTIONS = sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml"))
# Its tests are run, and it is compared with methods that ship, by tests/test_tutorial.py, which builds it.
OF_THE_TUTORIAL = "attredit-hsic"


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in DISTRIBUTIONS if name != OF_THE_TUTORIAL])
def test_a_distribution_passes_its_own_tests_where_pip_installed_it(
    name: str, fresh_python: Path, run_process: Any, tmp_path: Path
) -> None:
    sources = [shutil.copytree(EXAMPLES / each, tmp_path / each) for each in DISTRIBUTIONS]
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    run_process([str(fresh_python), "-m", "pip", "install", *options, *map(str, sources)])
    listed = run_process([str(fresh_python), "-m", "attredit", "plugins"]).stdout
    assert all(f" {each} " in listed for each in DISTRIBUTIONS)
    away = tmp_path / "away"
    shutil.copytree(EXAMPLES / name / "tests", away / "tests")
    shutil.copy(EXAMPLES / name / "pyproject.toml", away)
    shown = run_process([str(fresh_python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=away).stdout
    assert " passed" in shown
    assert "skipped" not in shown
