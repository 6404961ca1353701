"""Carries out a suite: decides which cells are left, has their data prepared, starts them, and waits.

This process computes nothing; `attredit.benchmark.worker` does, in others. Whatever is killed, this one or one of them,
the same command goes on where it was: finished cells have a line in results.jsonl, others a checkpoint.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attredit.benchmark.cells import Cell, cells_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.engine import Engine, Job
from attredit.benchmark.estimate import Durations
from attredit.benchmark.progress import Standing, read_progress
from attredit.benchmark.results import Result
from attredit.benchmark.suite import Suite
from attredit.benchmark.worker import GUESSES, Task, now
from attredit.errors import RunError
from attredit.files import expanded
from attredit.plugin.registry import installed

_POLL = 0.2


class Watch:
    """Told of what happens; does nothing: override what you want to hear of."""

    def planned(self, directory: BenchmarkDirectory, cells: Sequence[Cell], left: Sequence[Cell]) -> None:
        """It is known what is left of all cells."""

    def noted(self, sentence: str) -> None:
        """Something was wrong, and was mended."""

    def preparing(self, dataset: str, standing: Standing) -> None:
        """A data set is being prepared."""

    def starting(self, seconds: float, guessed: bool) -> None:
        """The first cells start; all take about so long. A guess is of training alone."""

    def running(self, cells: Sequence[tuple[Cell, Standing]], seconds_left: float) -> None:
        """Some cells are running, a few times a second."""

    def ended(self, result: Result) -> None:
        """A cell was finished, or failed."""


def run(
    suite: Suite,
    out: str | Path,
    engine: Engine,
    *,
    device: str | None = None,
    watch: Watch | None = None,
) -> list[Result]:
    """Carry out what is left of a suite.

    Args:
        suite: What to compare.
        out: The benchmark directory, new or continued.
        engine: Where cells run.
        device: As for training.
        watch: Told of what happens.

    Returns:
        The last word on every cell of the suite, in its order.

    Raises:
        UsageError, DataError, PluginError: the suite cannot be carried out; nothing was started.
        RunError: the directory cannot be read or written, or a data set cannot be prepared.
    """
    cells = cells_of(suite, installed())
    directory = BenchmarkDirectory(expanded(out).resolve())
    record = directory.record()
    directory.write(suite, cells)
    finished = record.finished()
    left = list({cell.key: cell for cell in cells if cell.key not in finished}.values())
    watch = watch or Watch()
    watch.planned(directory, cells, left)
    for note in record.notes:
        watch.noted(note)
    if left:
        _Run(directory, engine, device, watch, left).carry_out()
    words = directory.record().words()
    return [words[cell.key] for cell in cells]


class Running(NamedTuple):
    """A cell that was started, and how many lines results.jsonl had then."""

    cell: Cell
    job: Job
    lines: int


class _Run:
    """One carrying out."""

    def __init__(
        self, directory: BenchmarkDirectory, engine: Engine, device: str | None, watch: Watch, left: Sequence[Cell]
    ) -> None:
        self.directory, self.engine, self.device, self.watch = directory, engine, device, watch
        self.waiting = deque(left)
        self.jobs = min(engine.jobs or len(left), len(left))
        self.durations = Durations(directory.record().results)
        self.active: dict[str, Running] = {}

    def carry_out(self) -> None:
        self._prepare()
        seconds, guessed = self.durations.of(self.waiting)
        self.watch.starting(seconds / self.jobs, guessed)
        try:
            while self.waiting or self.active:
                while self.waiting and len(self.active) < self.jobs:
                    self._start(self.waiting.popleft())
                for key, running in list(self.active.items()):
                    if running.job.done():
                        del self.active[key]
                        self._collect(running)
                self._tell()
                time.sleep(_POLL)
        finally:
            for running in self.active.values():
                running.job.stop()

    def _start(self, cell: Cell) -> None:
        lines = len(self.directory.record().results)
        job = self._job("cell", [cell], self.directory.cell(cell.key), self.engine.threads(self.jobs))
        self.active[cell.key] = Running(cell, job, lines)

    def _collect(self, running: Running) -> None:
        """The cell's own word; of a process that could not leave one, ours."""
        cell, record = running.cell, self.directory.record()
        own = [result for result in record.results[running.lines :] if result.key == cell.key]
        result = record.finished().get(cell.key) or (own[-1] if own else None)
        if result is None:
            result = Result(cell=cell, date=now(), error=running.job.reason())
            self.directory.append(result)
        self.durations.add(result)
        self.watch.ended(result)

    def _tell(self) -> None:
        told = [(running.cell, read_progress(self.directory.cell(key))) for key, running in self.active.items()]
        seconds, _ = self.durations.of(self.waiting)
        seconds += sum(max(0.0, self.durations.of([cell])[0] - standing.seconds) for cell, standing in told)
        self.watch.running(told, seconds / self.jobs)

    def _prepare(self) -> None:
        """Data, judges, and how long cells will take, one data set after the other."""
        from filelock import FileLock

        titles = list(dict.fromkeys(cell.dataset.title for cell in self.waiting))
        for number, title in enumerate(titles):
            cells = [cell for cell in self.waiting if cell.dataset.title == title]
            unknown = list({cell.label: cell for cell in cells if not self.durations.knows(cell)}.values())
            home = self.directory.data(number)
            home.mkdir(parents=True, exist_ok=True)
            # Another benchmark of the same directory may be about to.
            with FileLock(home / "lock"):
                self.durations.guess(self._prepared(title, unknown or cells[:1], home), unknown)

    def _prepared(self, title: str, cells: Sequence[Cell], home: Path) -> dict[str, float]:
        """Have a data set prepared, and steps of these cells timed: seconds by key."""
        (home / GUESSES).unlink(missing_ok=True)
        job = self._job("prepare", cells, home, self.engine.threads(1))
        try:
            while not job.done():
                self.watch.preparing(title, read_progress(home))
                time.sleep(_POLL)
        finally:
            job.stop()
        if not (home / GUESSES).exists():
            reason = read_progress(home).error or job.reason()
            raise RunError(f"Data set {title} cannot be prepared: {reason}", "No cell was started.")
        found: dict[str, float] = json.loads((home / GUESSES).read_text("utf-8"))
        return found

    def _job(self, kind: str, cells: Sequence[Cell], home: Path, threads: int | None) -> Job:
        (home / "progress.json").unlink(missing_ok=True)
        plugins = {plugin.distribution: plugin.version for plugin in installed().plugins if plugin.is_file}
        task = {
            "kind": kind,
            "cells": cells,
            "benchmark": self.directory.path,
            "device": self.device,
            "threads": threads,
        }
        Task.model_validate({**task, "plugins": plugins}).write(home)
        return self.engine.start(home, threads)
