"""How far a task is: progress.json, written by its process and read by whoever waits for it, wherever either is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from attredit.files import from_json, into_place, write_text
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
        error: Why the task failed, where nothing else says so.
    """

    stage: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    error: str = ""

    @property
    def seconds_left(self) -> float | None:
        """Of this stage; None while unknown."""
        return (self.total - self.done) / self.rate if self.rate else None


class Teller:
    """Writes progress.json of a task, a few times a second at most.

    Args:
        home: The task's directory.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / "progress.json"
        self._stage, self._first, self._began, self._wrote = "", 0, 0.0, 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        now = time.perf_counter()
        if stage != self._stage:
            self._stage, self._first, self._began = stage, done, now
        elif now - self._wrote < _SECONDS and done < total:
            return
        rate = (done - self._first) / (now - self._began) if now > self._began else 0.0
        self._write(Standing(stage, done, total, rate))
        self._wrote = now

    def failed(self, error: str) -> None:
        """Tell that the task ends without a result."""
        self._write(Standing("failed", error=error))

    def _write(self, standing: Standing) -> None:
        # Not `write_text`: what is worthless in a second need not wait for the disk.
        temporary = self._file.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(standing)), "utf-8")
        into_place(temporary, self._file)


def read_progress(home: Path) -> Standing:
    """How far the task of a directory is; waiting if it has not said anything that can be read."""
    try:
        return Standing(**from_json((home / "progress.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):  # after a power failure, the file may be there and empty
        return Standing("waiting")


class Clock(Observer):
    """Measures training over all sessions of a run: what was done before a kill is in clock.json.

    Args:
        file: clock.json.
        teller: Told of every step.

    Attributes:
        seconds: Of training, to the last checkpoint.
        before: Those of them that earlier sessions took.
    """

    def __init__(self, file: Path, teller: Teller) -> None:
        self.teller = teller
        self.seconds = self.before = self._began = 0.0
        self._file, self._total = file, 0

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Start to count; steps after the last checkpoint are done again and count once."""
        self._total = config.steps
        self.before = self.seconds = _seconds_at(self._file, step)
        self._began = time.perf_counter()
        self.teller(TRAINING, step, config.steps)

    def on_step(self, step: int) -> None:
        """Tell."""
        self.teller(TRAINING, step, self._total)

    def on_save(self, step: int) -> None:
        """Note how long it took to this checkpoint."""
        self.seconds = self.before + time.perf_counter() - self._began
        write_text(self._file, json.dumps({"step": step, "seconds": self.seconds}))


def _seconds_at(file: Path, step: int) -> float:
    """How long a run took to its checkpoint at a step; the clock may have missed the last one."""
    try:
        known: Mapping[str, float] = from_json(file.read_bytes()) if step else {"seconds": 0.0, "step": 1.0}
        return known["seconds"] * step / known["step"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return 0.0
