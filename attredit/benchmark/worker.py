"""What runs in a process of its own: one cell, or the preparation of a data set. `attredit.benchmark.engine` starts it.

A task is a directory with a task.json. Its process writes progress.json beside it, and a cell's result to results.jsonl
of the benchmark. It may be killed at any moment: the next one goes on from the last checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from attredit.benchmark.cells import Cell, elsewhere_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.progress import Clock
from attredit.benchmark.results import Facts, Figures, Result
from attredit.data.workers import cores
from attredit.documents import Document
from attredit.errors import AttrEditError, RunError, Terminated, in_one_line
from attredit.files import read_tensors, write_text
from attredit.plugin.calling import named
from attredit.plugin.registry import installed, use_plugin
from attredit.request import Request
from attredit.runs.directory import RunDirectory
from attredit.stopping import stoppable

if TYPE_CHECKING:
    from attredit.training.trainer import Trainer

PATIENCE = 10.0
"""Seconds that a process has to end, once it is asked to."""

TASK, GUESSES = "task.json", "seconds.json"


class Task(Document):
    """task.json.

    Attributes:
        kind: Carry out the one cell, or prepare the data of the cells, which have the same.
        cells: Of which `prepare` also says how long each takes to train.
        benchmark: Its directory.
        device: As for training.
        threads: That compute; as many as there are cores when None.
        plugins: Plugin files in use, and the version of each; a cluster need not pass the environment on.
    """

    kind: Literal["cell", "prepare"]
    cells: tuple[Cell, ...]
    benchmark: Path
    device: str | None = None
    threads: int | None = None
    plugins: dict[str, str] = Field(default_factory=dict)

    def write(self, home: Path) -> None:
        """Make the task's directory and put it there.

        Raises:
            RunError: it cannot be written.
        """
        write_text(home / TASK, self.model_dump_json(indent=2) + "\n")


def carry_out(home: str) -> int:
    """Do what a task directory says.

    Returns:
        The exit code: 0 when it was done, 1 when it failed; why, is in results.jsonl or, for data, in progress.json.
    """
    import torch

    directory = Path(home)
    task = Task.model_validate_json((directory / TASK).read_bytes())
    torch.set_num_threads(task.threads or cores())
    return _prepare(task, directory) if task.kind == "prepare" else _cell(task, directory)


class Requeued:
    """`carry_out` for submitit, whose own signal (SIGUSR2, before a job's time ends) lets a training save first."""

    def __call__(self, home: str) -> int:
        """See `carry_out`."""
        from submitit import JobEnvironment

        number = JobEnvironment._usr_sig()
        requeue = signal.getsignal(number)
        try:
            with stoppable(number):
                return carry_out(home)
        except Terminated:
            assert callable(requeue)
            requeue(number, None)  # asks for `checkpoint`, and ends this process
            raise

    def checkpoint(self, home: str) -> Any:
        """What the job does when it is started again: the same, which goes on from the last checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, home)


def reason_of(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, AttrEditError):
        return str(error)
    return in_one_line(error) + (f" (in {who})" if (who := named(error)) else "")


def now() -> str:
    """The date of a result."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _cell(task: Task, home: Path) -> int:
    """Train and evaluate a cell, unless another process just did."""
    from filelock import FileLock

    (cell,), directory = task.cells, BenchmarkDirectory(task.benchmark)
    # Two benchmarks may share a directory; whoever comes second finds the cell finished.
    with FileLock(home / "lock"):
        if cell.key in directory.record().finished():
            return 0
        try:
            directory.append(_measured(task, cell, home))
        except Exception as error:
            traceback.print_exc()
            directory.append(Result(cell=cell, date=now(), error=reason_of(error)))
            return 1
    return 0


def _measured(task: Task, cell: Cell, home: Path) -> Result:
    from attredit.benchmark.machine import machine, peak_gpu_memory, peak_memory
    from attredit.launch import evaluate

    _use_plugins(task)
    clock, run = Clock(home), RunDirectory(home / "run")
    parameters = _train(cell, run, task.device, clock)
    memory, gpu = peak_memory(), peak_gpu_memory(task.device)
    plan = cell.evaluation
    measure = partial(
        evaluate, run.path, split=plan.split, limit=plan.limit, full=plan.full, device=task.device, progress=clock
    )
    figures = {"": Figures.of(measure())}
    figures |= {e.label: Figures.of(measure(elsewhere=elsewhere_of(e))) for e in cell.dataset.evaluate_on}
    config = run.config()
    facts = Facts(
        steps=config.steps,
        batch_size=config.batch_size,
        training_seconds=clock.training,
        cell_seconds=clock.seconds,
        parameters=parameters,
        memory_bytes=memory,
        gpu_bytes=gpu,
        machine=machine(task.device),
    )
    return Result(cell=cell, date=now(), facts=facts, figures=figures)


def _use_plugins(task: Task) -> None:
    """Have the plugin files that the benchmark has.

    Raises:
        RunError: one is another by now, so that the cell's key is that of other work.
    """
    for file in task.plugins:
        use_plugin(file)
    here = {plugin.distribution: plugin.version for plugin in installed().plugins} if task.plugins else {}
    for file, version in task.plugins.items():
        if here[file] != version:
            raise RunError(f"Plugin file {file} has changed since the benchmark was started.", "Start it again.")


def _train(cell: Cell, run: RunDirectory, device: str | None, clock: Clock) -> int:
    """Train from the start, or from the last checkpoint; returns how many parameters it has."""
    from attredit.benchmark.calibration import steps_within
    from attredit.launch import resume, train

    request = _asked(cell, run.path, device)
    trainer = _tried(cell, run.path, device)
    parameters = sum(p.numel() for p in trainer.parts.parameters())
    if resumable(run):
        del trainer
        resume(run.path, device=device, observers=[clock])
        return parameters
    shutil.rmtree(run.path, ignore_errors=True)
    if cell.budget.seconds is not None:
        clock("timing steps", 0, 1)
        steps = steps_within(trainer, cell.budget.seconds)
    else:
        steps = cell.budget.in_steps(trainer.config.batch_size)
    del trainer
    log_every, save_every = min(50, -(-steps // 20)), min(500, -(-steps // 10))
    request = request.model_copy(update={"steps": steps, "log_every": log_every, "save_every": save_every})
    train(request, observers=[clock])
    return parameters


def _asked(cell: Cell, run_dir: Path, device: str | None) -> Request:
    """A cell's training, here."""
    return cell.request.model_copy(update={"run_dir": str(run_dir), "device": device})


def _tried(cell: Cell, run_dir: Path, device: str | None) -> Trainer:
    """What is looked at, timed and thrown away; so it learns nothing of frames, which takes a tenth of a training."""
    from attredit.launch import trainer_of

    return trainer_of(_asked(cell, run_dir, device).model_copy(update={"frame": "none"}))


def resumable(run: RunDirectory) -> bool:
    """Whether there is a whole checkpoint; a run without one, or with a damaged one, is started again."""
    try:
        run.config()
        read_tensors(run.training_file)
    except RunError as error:
        if run.path.exists():
            print(f"Started again: {error}", file=sys.stderr)
        return False
    return True


def _prepare(task: Task, home: Path) -> int:
    """Stores of both splits and the judge; and how long each cell trains."""
    clock = Clock(home)
    try:
        _use_plugins(task)
        _prepare_data(task.cells[0], task.device, clock)
    except Exception as error:
        traceback.print_exc()
        clock.failed(reason_of(error))
        return 1
    guesses = {}
    for done, cell in enumerate(task.cells):
        clock("timing steps", done, len(task.cells))
        try:
            guesses[cell.key] = _guess(cell, home, task.device)
        except Exception:  # the cell will fail of it too, and its result say so
            traceback.print_exc()
    write_text(home / GUESSES, json.dumps(guesses))
    return 0


def _guess(cell: Cell, home: Path, device: str | None) -> float:
    """How long a cell trains, as a second of its steps says."""
    from attredit.benchmark.calibration import seconds_for

    if cell.budget.seconds is not None:
        return cell.budget.seconds
    trainer = _tried(cell, home / "nowhere", device)
    return seconds_for(trainer, cell.budget.in_steps(trainer.config.batch_size))


def _prepare_data(cell: Cell, device: str | None, clock: Clock) -> None:
    """What all cells of a data set share, so that none waits for another one to make it.

    In other collections than the training images' each run finds its own frames.
    """
    from attredit.data import cache_dir
    from attredit.data.source import CounterfactualSource
    from attredit.devices import device_of
    from attredit.evaluation.judge import judge_of
    from attredit.evaluation.run import identity_for

    collection, plan = cell.request.collection(installed()), cell.evaluation
    stores = {
        split: collection.store(split, progress=partial(clock, f"{split} images")) for split in ("train", plan.split)
    }
    train, where = stores["train"], device_of(device)
    judge_of(train, cache=cache_dir(), device=where, progress=partial(clock, "judge"))
    if plan.full and isinstance(collection.source, CounterfactualSource):
        identity_for(collection.source, train, where, clock)


def _end_with_parent() -> None:
    """Wait for the end of stdin, which comes when the parent ends, however it does; then a training may save."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)


def main() -> None:
    """``python -m attredit.benchmark.worker DIRECTORY``, with stdin open for as long as the process should live."""
    with stoppable():
        threading.Thread(target=_end_with_parent, daemon=True).start()
        sys.exit(carry_out(sys.argv[1]))


if __name__ == "__main__":
    main()
