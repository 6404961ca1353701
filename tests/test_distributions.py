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


@pytest.fixture
def installed(tmp_path: Path) -> Callable[[str], Run]:
    """Install an example into a fresh environment; gives what runs a module there, in a folder of its own.

    The environment sees the packages of the one that runs the tests, so torch is not downloaded again.
    """
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = sysconfig.get_path("purelib", vars={"base": str(place)})
    (Path(site) / "seen.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")

    def run(module: str, *arguments: str, folder: Path = tmp_path) -> str:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(python), "-m", module, *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(name: str) -> Run:
        source = shutil.copytree(EXAMPLES / name, tmp_path / name)
        run("pip", "install", "--no-deps", "--no-build-isolation", "--no-index", str(source))
        return run

    return install


def test_hsic_is_tested_and_compared_where_pip_installed_it(installed: Callable[[str], Run], tmp_path: Path) -> None:
    run = installed("attredit-hsic")
    shown = run("pytest", "-q", folder=tmp_path / "attredit-hsic")
    assert " passed" in shown
    assert "skipped" not in shown
    (tmp_path / "tiny.toml").write_text(SUITE)
    compared = ["benchmark", "tiny.toml", "--methods", "naive-cvaegan,ifcvaegan,hsic", "--out", "compared"]
    printed = run("attredit", *compared)
    with (tmp_path / "compared" / "table.csv").open(newline="") as file:
        measured = {row["method"]: float(row["mse"]) for row in csv.DictReader(file)}
    assert set(measured) == {"naive-cvaegan", "ifcvaegan", "hsic"}
    assert all(method in printed and 0.0 < mse < 0.2 for method, mse in measured.items())
