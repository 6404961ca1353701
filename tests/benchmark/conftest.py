"""A suite of seconds, results that need no training, and real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

SUITE = """
image_size = 32
attributes = ["Smiling"]
seeds = [0]
budget = {{ {budget} }}
evaluation = {{ limit = 40 }}
set = [
  "parts.encoder.options.width=4", "parts.decoder.options.width=4", "latent_dim=8", "batch_size=8",
]

[[datasets]]
name = "synthfaces"
options = {{ train = 100, valid = 20, test = 60 }}

[[methods]]
name = "naive-cvaegan"

[[methods]]
name = "ifcvaegan"
{more}
"""


@pytest.fixture(scope="session")
def suite_text() -> Callable[..., str]:
    """A tiny suite as TOML, of another budget or with more methods."""

    def make(budget: str = "steps = 12", more: str = "") -> str:
        return SUITE.format(budget=budget, more=more)

    return make


@pytest.fixture(scope="session")
def command() -> Callable[..., list[str]]:
    """The command line of a benchmark in a process of its own."""

    def make(suite: Path, out: Path, *more: str) -> list[str]:
        words = ["benchmark", str(suite), "--out", str(out), "--device", "cpu", *more]
        return [sys.executable, "-m", "attredit", *words]

    return make


@pytest.fixture(scope="session")
def environment(cache: Path) -> dict[str, str]:
    """One thread, whatever the machine has."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def benchmark(command: Any, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Carry out a suite, and say how it ended."""

    def run(suite: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
        words = command(suite, out, *more)
        return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600)

    return run


@pytest.fixture(scope="session")
def attredit() -> Callable[..., Result]:
    """Call the command line in this process."""
    from attredit.cli.group import cli

    def call(*arguments: Any) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="attredit")

    return call
