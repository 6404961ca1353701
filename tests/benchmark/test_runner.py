"""Suites carried out by real processes: killed, interrupted, side by side, submitted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from made import STEPS, plain

from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.engine import Local, Submitted
from attredit.benchmark.runner import Watch, run
from attredit.benchmark.suite import parse_suite
from attredit.benchmark.worker import GUESSES, TASK, Task
from attredit.errors import RunError
from attredit.runs.directory import RunDirectory


def test_killed_half_way_and_started_again_it_gives_the_same_table(
    whole: tuple[Path, Any], suite: Path, tmp_path: Path, command: Any, benchmark: Any, request: pytest.FixtureRequest
) -> None:
    out, directory = tmp_path / "out", BenchmarkDirectory(tmp_path / "out")
    naive, factorized = BenchmarkDirectory(whole[0]).read().cells
    only_the_first_is_finished(whole[0], out)
    process = subprocess.Popen(
        [sys.executable, "-m", "attredit", *command(suite, out)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: step_of(directory, factorized.key) >= STEPS * 0.45, process)
    process.kill()
    process.wait()
    # Its own process does not outlive it: the lock is free, and no step is added.
    lock = directory.cell(factorized.key) / "lock"
    wait_for(lambda: not held(lock), None)
    reached = step_of(directory, factorized.key)
    time.sleep(0.3)
    assert step_of(directory, factorized.key) == reached < STEPS
    assert set(directory.record().finished()) == {naive.key}
    # This one is not killed, and needs no other processes.
    request.getfixturevalue("here")
    again = benchmark(suite, out)
    assert again.exit_code == 0, again.output
    assert "2 cells, 1 left" in again.stderr
    assert plain(out) == plain(whole[0])
    for name in ("model.safetensors", "training.safetensors"):
        same = [BenchmarkDirectory(path).run(factorized.key) / name for path in (out, whole[0])]
        assert same[0].read_bytes() == same[1].read_bytes()
    assert quality(again.stdout) == quality(whole[1].stdout)


def test_ctrl_c_ends_at_once_and_says_how_to_go_on(suite: Path, tmp_path: Path, command: Any) -> None:
    out, directory = tmp_path / "out", BenchmarkDirectory(tmp_path / "out")
    words = [sys.executable, "-m", "attredit", *command(suite, out, "--methods", "naive-cvaegan")]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: directory.exists, process)
    (first,) = directory.read().cells
    wait_for(lambda: step_of(directory, first.key) > 0, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from the last checkpoints" in said
    assert f"attredit report {out}" in said
    assert not held(directory.cell(first.key) / "lock")


def test_data_that_another_benchmark_of_the_directory_prepares_are_waited_for(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started(Exception):
        pass

    def start(engine: Local, home: Path, threads: int | None) -> Any:
        raise Started

    def other() -> None:
        with pytest.raises(Started):
            run(parse_suite(suite.read_text(), "tiny.toml", "tiny"), tmp_path, Local(1), device="cpu")
        started.set()

    started = threading.Event()
    monkeypatch.setattr(Local, "start", start)
    home = BenchmarkDirectory(tmp_path).data(0)
    home.mkdir(parents=True)
    with FileLock(home / "lock"):
        thread = threading.Thread(target=other)
        thread.start()
        wait_for((tmp_path / "benchmark.json").exists, None)
        assert not started.wait(0.5)
    assert started.wait(60)
    thread.join()


class Slow:
    """An engine that is given nothing to compute: its cells say that they have taken 30 s, and then end."""

    jobs = 2

    def threads(self, jobs: int) -> None: ...

    def start(self, home: Path, threads: int | None) -> Any:
        task = Task.model_validate_json((home / TASK).read_bytes())
        if task.kind == "prepare":
            (home / GUESSES).write_text(json.dumps({cell.key: 100.0 for cell in task.cells}))
        else:
            (home / "progress.json").write_text(json.dumps({"stage": "training", "seconds": 30.0}))
        ends = iter([task.kind == "prepare", True])
        return SimpleNamespace(done=lambda: next(ends), stop=lambda: None, reason=lambda: "It has left no word.")


def test_time_left_counts_what_cells_say_that_they_have_taken(suite: Path, tmp_path: Path) -> None:
    told = list[float]()
    watch = Watch()
    watch.running = lambda cells, seconds_left: told.append(seconds_left)  # type: ignore[method-assign]
    engine: Any = Slow()
    run(parse_suite(suite.read_text(), "tiny.toml", "tiny"), tmp_path, engine, watch=watch)
    assert told == [(70.0 + 70.0) / 2, 0.0]


class Told(Watch):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.most = 0
        self.stages: set[str] = set()

    def running(self, cells: Any, seconds_left: float) -> None:
        self.most = max(self.most, len(cells))
        self.stages |= {progress.stage for _, progress in cells}


def test_submitted_cells_give_the_same_figures(
    whole: tuple[Path, Any], suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else as many as there are cores.
    monkeypatch.setattr(Submitted, "threads", lambda self, jobs: 1)
    told, out = Told(), tmp_path / "out"
    engine = Submitted(out / "slurm", 2, {"timeout_min": 5}, cluster="local")
    results = run(parse_suite(suite.read_text(), "tiny.toml", "tiny"), out, engine, device="cpu", watch=told)
    assert [result.error for result in results] == ["", ""]
    assert told.most == 2
    assert "training" in told.stages
    assert plain(out) == plain(whole[0])


@pytest.mark.usefixtures("data_here")
def test_side_by_side_one_dies_without_a_word_and_the_other_gives_the_same_figures(
    whole: tuple[Path, Any], suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killing(Told):
        def running(self, cells: Any, seconds_left: float) -> None:
            super().running(cells, seconds_left)
            for cell, progress in cells:
                if progress.stage == "training" and cell.label == "naive-cvaegan":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(started[cell.key].process.pid, signal.SIGKILL)

    started: dict[str, Any] = {}
    start = Local.start

    def noted(engine: Local, home: Path, threads: int | None) -> Any:
        started[home.name] = start(engine, home, threads)
        return started[home.name]

    monkeypatch.setattr(Local, "start", noted)
    told, out = Killing(), tmp_path / "out"
    first, second = run(parse_suite(suite.read_text(), "tiny.toml", "tiny"), out, Local(2), device="cpu", watch=told)
    assert first.error.startswith("Its process ended early (killed by signal 9); ")
    assert second.finished
    assert told.most == 2
    assert [line for line in plain(whole[0]) if line["cell"]["key"] == second.key] == plain(out, finished=True)


def only_the_first_is_finished(whole: Path, out: Path) -> None:
    """Make of a finished benchmark one that was stopped before its second cell."""
    shutil.copytree(whole, out)
    directory = BenchmarkDirectory(out)
    first, second = directory.read().cells
    shutil.rmtree(directory.cell(second.key))
    lines = directory.results_file.read_text().splitlines(keepends=True)
    directory.results_file.write_text("".join(line for line in lines if json.loads(line)["cell"]["key"] == first.key))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[Any] | None) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process is None or process.poll() is None, "it ended before that"
        assert time.monotonic() < deadline, "it was waited for in vain"
        time.sleep(0.01)


def step_of(directory: BenchmarkDirectory, key: str) -> int:
    """The last logged step of a cell."""
    try:
        metrics = RunDirectory(directory.run(key)).metrics()
    except RunError:
        return 0
    return metrics[-1]["step"] if metrics else 0


def held(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def quality(printed: str) -> str:
    """The table of figures, without what it took."""
    return printed.partition("what it took")[0]
