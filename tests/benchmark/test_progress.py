"""Clocks, progress, and shares of a machine: what needs no process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from attredit.benchmark.engine import Local, Submitted
from attredit.benchmark.progress import Clock, Standing, read_progress
from attredit.errors import PluginError, UsageError
from attredit.runs.directory import RunDirectory


def test_submitit_is_named_when_it_or_the_cluster_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as bare:
        bare.setenv("PATH", "")
        with pytest.raises(UsageError, match="submitit cannot use slurm"):
            Submitted(tmp_path)
        bare.setitem(sys.modules, "submitit", None)
        with pytest.raises(PluginError, match=r"needs submitit. pip install 'attredit\[slurm\]'"):
            Submitted(tmp_path)
    with pytest.raises(UsageError, match="submitit cannot use local"):
        Submitted(tmp_path, options={"colour": "red"}, cluster="local")


def test_threads_are_shared_and_never_more_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attredit.benchmark.engine.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [Local(jobs).threads(jobs) for jobs in (1, 2, 3, 16)] == [8, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert [Local(jobs).threads(jobs) for jobs in (1, 2, 3, 16)] == [4, 2, 1, 1]


def test_a_clock_counts_every_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("attredit.benchmark.progress.time.perf_counter", lambda: now[0])
    config: Any = type("Config", (), {"steps": 40})

    def session(start: int, saves: dict[int, float], killed_after: float) -> tuple[float, float]:
        """Two seconds of what is no training, then this: seconds of training, and of all."""
        clock = Clock(tmp_path)
        now[0] += 2.0
        clock.on_start(config, RunDirectory(tmp_path), start)
        for step, seconds in saves.items():
            now[0] += seconds
            clock.on_save(step)
        now[0] += killed_after
        return clock.training, clock.seconds

    assert session(0, {10: 5.0, 20: 5.0}, killed_after=3.0) == (10.0, 15.0)
    assert session(20, {30: 6.0}, killed_after=0.0) == (16.0, 18.0)
    # Killed after the checkpoint of step 40 and before the clock: the last ten steps as long as those before.
    assert session(40, {}, killed_after=0.0) == pytest.approx((16.0 * 40 / 30, 2 + 16.0 * 40 / 30))
    assert session(0, {10: 1.0}, killed_after=0.0) == (1.0, 3.0)
    (tmp_path / "clock.json").write_text("")
    assert session(40, {}, killed_after=0.0) == (0.0, 2.0)


def test_progress_says_stage_rate_and_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_progress(tmp_path) == Standing("waiting")
    (tmp_path / "progress.json").touch()  # as a power failure may leave it, for nobody waits until it is on the disk
    assert read_progress(tmp_path) == Standing("waiting")
    now = [0.0]
    monkeypatch.setattr("attredit.benchmark.progress.time.perf_counter", lambda: now[0])
    tell = Clock(tmp_path)
    tell("training", 10, 100)
    now[0] = 2.0
    tell("training", 30, 100)
    assert read_progress(tmp_path) == Standing("training", 30, 100, 10.0, 2.0)
    assert read_progress(tmp_path).seconds_left == 7.0
    now[0] = 2.1
    tell("training", 31, 100)  # too soon to be worth a file
    assert read_progress(tmp_path).done == 30
    tell("edits", 0, 4)
    assert read_progress(tmp_path) == Standing("edits", 0, 4, 0.0, 2.1)
    assert read_progress(tmp_path).seconds_left is None
