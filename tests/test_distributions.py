"""The distributions in examples/, as a stranger gets them: installed by pip into an environment of their own."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DISTRIBUTIONS = sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml"))
SUITE = """
summary = "Three methods for seconds."
image_size = 32
attributes = ["Smiling"]
seeds = [0]
budget = { seconds = 0.2 }
evaluation = { limit = 12 }
set = ["parts.encoder.options.width=4", "parts.decoder.options.width=4", "latent_dim=8", "batch_size=8"]

[[datasets]]
name = "synthfaces"
options = { train = 96, valid = 16, test = 32 }

[[methods]]
name = "naive-cvaegan"
"""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a module in a fresh environment, into which pip has installed the examples.

    The environment sees the packages of the one that runs the tests, so torch is not downloaded again.
    """
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (site / "seen.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")

    def run(folder: Path, module: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(python), "-m", module, *arguments],
            cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    copies = [str(shutil.copytree(EXAMPLES / name, place / name)) for name in DISTRIBUTIONS]
    run(place, "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", *copies)
    for name in DISTRIBUTIONS:
        assert (site / name.replace("-", "_")).is_dir()
    return run


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_passes_its_own_tests_where_pip_installed_it(name: str, run: Run, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / name / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLES / name / "pyproject.toml", tmp_path)
    shown = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert " passed" in shown
    assert "skipped" not in shown


def test_hsic_is_compared_with_methods_that_ship(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    methods = ("naive-cvaegan", "ifcvaegan", "hsic")
    printed = run(tmp_path, "attredit", "benchmark", "tiny.toml", "--methods", ",".join(methods), "--out", "compared")
    with (tmp_path / "compared" / "table.csv").open(newline="") as file:
        measured = {row["method"]: float(row["mse"]) for row in csv.DictReader(file)}
    assert set(measured) == set(methods)
    assert all(method in printed and 0.0 < mse < 0.2 for method, mse in measured.items())
