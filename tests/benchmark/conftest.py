"""A suite of seconds, results that need no training, and real processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from made import STEPS

from attredit.benchmark import calibration
from attredit.benchmark.engine import Local
from attredit.benchmark.worker import carry_out

SUITE = """
image_size = 32
attributes = ["Smiling"]
seeds = [0]
budget = {{ {budget} }}
evaluation = {{ limit = 12 }}
set = [
  "parts.encoder.options.width=4", "parts.decoder.options.width=4", "latent_dim=8", "batch_size=8",
]

[[datasets]]
name = "synthfaces"
options = {{ train = {train}, valid = {valid}, test = {test} }}

[[methods]]
name = "naive-cvaegan"

[[methods]]
name = "ifcvaegan"
{more}
"""


@pytest.fixture(scope="session")
def suite_text(tiny: Any) -> Callable[..., str]:
    """A tiny suite as TOML, of another budget or with more methods."""

    def make(budget: str = "steps = 12", more: str = "") -> str:
        # The data of other tests, so that all need one judge.
        return SUITE.format(budget=budget, more=more, **tiny[0])

    return make


@pytest.fixture(scope="session")
def command() -> Callable[..., list[str]]:
    """What is typed for a benchmark."""

    def make(suite: Path, out: Path, *more: str) -> list[str]:
        return ["benchmark", str(suite), "-o", str(out), "--device", "cpu", *more]

    return make


@pytest.fixture(scope="session")
def attredit() -> Callable[..., Result]:
    """Call the command line in this process."""
    from attredit.cli.group import cli

    def call(*arguments: Any) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="attredit")

    return call


@pytest.fixture(scope="session")
def benchmark(command: Any, attredit: Any) -> Callable[..., Result]:
    """Carry out a suite; its cells have processes of their own, the command has not."""

    def run(suite: Path, out: Path, *more: str) -> Result:
        result: Result = attredit(*command(suite, out, *more))
        return result

    return run


@contextlib.contextmanager
def _here(*folders: str) -> Iterator[None]:
    """Tasks whose homes lie in these folders are carried out in this process."""
    start, threads = Local.start, torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Local, "start", lambda *task: (_done if task[1].parent.name in folders else start)(*task))
        patch.setattr(calibration, "SECONDS", 0.2)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_here() -> Iterator[None]:
    """Data are prepared in this process: where a test is about those of cells."""
    with _here("data"):
        yield


@pytest.fixture
def here() -> Iterator[None]:
    """Cells are carried out in this process, too: where a test is not about processes."""
    with _here("data", "cells"):
        yield


def _done(engine: Local, home: Path, threads: int | None) -> Any:
    with (home / "log.txt").open("a") as log, contextlib.redirect_stderr(log):
        carry_out(str(home))
    return SimpleNamespace(done=lambda: True, stop=lambda: None, reason=lambda: "It has left no word.")


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory, suite_text: Any) -> Path:
    """Two methods, of STEPS each."""
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(suite_text(f"steps = {STEPS}"))
    return path


@pytest.fixture(scope="session")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory, benchmark: Any, cache: Path) -> tuple[Path, Result]:
    """A benchmark that nothing stopped, in this process, and what it printed: others are held against it."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with _here("data", "cells"):
        done = benchmark(suite, out)
    assert done.exit_code == 0, done.output
    return out, done
