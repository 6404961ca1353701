"""How far a task is, and what it took: progress.json, written by its process, read by whoever waits for it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from attredit.files import from_json, into_place, write_text
from attredit.progress import Pace
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer

_SECONDS = 0.3
TRAINING = "training"


@dataclass(frozen=True)
class Standing:
    """What a task does now.

    Attributes:
        stage: Of the task.
        done: Steps of it.
        total: All of them.
        rate: Steps a second in this session; 0 while unknown.
        seconds: That the task has taken; see `Clock`.
        error: Why the task failed, where nothing else says so.
    """

    stage: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    error: str = ""

    @property
    def seconds_left(self) -> float | None:
        """Of this stage; None while unknown."""
        return (self.total - self.done) / self.rate if self.rate else None


class Clock(Observer):
    """A task's one clock: says in progress.json how far it is, and counts its seconds over all sessions.

    What training took before a kill is in clock.json; what else it did then is done again.

    Args:
        home: The task's directory.

    Attributes:
        training: Seconds of training, to the last checkpoint.
    """

    def __init__(self, home: Path) -> None:
        self._told, self._kept = home / "progress.json", home / "clock.json"
        self._began, self._earlier = time.perf_counter(), 0.0
        self._stage, self._pace, self._wrote = "", Pace(0), 0.0
        self._steps, self._else, self.training = 0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        """That the task has taken, with training in earlier sessions."""
        return self._earlier + time.perf_counter() - self._began

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is, a few times a second at most."""
        now = self.seconds
        if stage != self._stage:
            self._stage, self._pace = stage, Pace(done)
        elif now - self._wrote < _SECONDS and done < total:
            return
        self._write(Standing(stage, done, total, self._pace.at(done), now))
        self._wrote = now

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Start to count training; steps after the last checkpoint are done again and count once."""
        self._steps, self._else = config.steps, self.seconds
        self._earlier = self.training = _seconds_at(self._kept, step)
        self(TRAINING, step, config.steps)

    def on_step(self, step: int) -> None:
        """Tell."""
        self(TRAINING, step, self._steps)

    def on_save(self, step: int) -> None:
        """Note how long it took to this checkpoint."""
        self.training = self.seconds - self._else
        write_text(self._kept, json.dumps({"step": step, "seconds": self.training}))

    def failed(self, error: str) -> None:
        """Tell that the task ends without a result."""
        self._write(Standing("failed", error=error))

    def _write(self, standing: Standing) -> None:
        # Not `write_text`: what is worthless in a second need not wait for the disk.
        temporary = self._told.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(standing)), "utf-8")
        into_place(temporary, self._told)


def read_progress(home: Path) -> Standing:
    """How far the task of a directory is; waiting if it has not said anything that can be read."""
    try:
        return Standing(**from_json((home / "progress.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):  # after a power failure, the file may be there and empty
        return Standing("waiting")


def _seconds_at(file: Path, step: int) -> float:
    """How long a run took to its checkpoint at a step; the clock may have missed the last one."""
    try:
        known: Mapping[str, float] = from_json(file.read_bytes()) if step else {"seconds": 0.0, "step": 1.0}
        return known["seconds"] * step / known["step"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return 0.0
