"""results.jsonl: one line for every cell that was finished or failed. Lines are added, never changed.

Several processes may add lines at once, under a lock. A line that a kill or a full disk cut short lacks its end:
readers leave it out and say so, and the next writer removes it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from attredit.benchmark.cells import Cell
from attredit.documents import Document, first_of
from attredit.errors import RunError
from attredit.evaluation.result import Evaluation
from attredit.evaluation.statistics import Estimate
from attredit.files import explained, to_disk


class Facts(Document):
    """What a cell took, and where.

    Attributes:
        steps: Of training.
        batch_size: Images a step.
        training_seconds: Measured, with logging and checkpoints, over all sessions; without preparation and evaluation.
        cell_seconds: Of the whole cell, with training in earlier sessions, preparation and evaluation.
        parameters: Numbers that training changes, of all parts.
        memory_bytes: Largest resident memory of the process that trained, libraries included; None on Windows.
        gpu_bytes: Largest memory that tensors had on the GPU; None without one.
        machine: Processor, cores, threads, device, versions.
    """

    steps: int
    batch_size: int
    training_seconds: float
    cell_seconds: float
    parameters: int
    memory_bytes: int | None
    gpu_bytes: int | None
    machine: dict[str, str | int]


class Figures(Document):
    """What a cell's model was found to be worth on a collection.

    Attributes:
        judge: Hash of the judge.
        identity: Hash of the network that told identities apart; None without one.
        images: That were evaluated.
        metrics: Figures, averaged over attributes.
        attributes: Each attribute's own.
        not_measured: Reasons by name.
    """

    judge: str
    identity: str | None
    images: int
    metrics: dict[str, Estimate]
    attributes: dict[str, dict[str, Estimate]]
    not_measured: dict[str, str]

    @classmethod
    def of(cls, found: Evaluation) -> Figures:
        """What a result keeps of an evaluation."""
        return cls(
            judge=found.judge.hash,
            identity=found.identity,
            images=found.images,
            metrics=found.metrics,
            attributes=found.attributes,
            not_measured=found.not_measured,
        )


class Result(Document):
    """One line.

    Attributes:
        format: Of the line.
        cell: What was asked for; it has key, labels, data set, attributes, seed, recipe hash and budget.
        date: When it ended, in UTC.
        error: Why it failed; empty when it was finished.
        facts: What it took; None when it failed.
        figures: Of each collection that was measured on, by label; the data set's own images have the empty one.
    """

    format: Literal[1] = 1
    cell: Cell
    date: str
    error: str = ""
    facts: Facts | None = None
    figures: dict[str, Figures] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """The cell's."""
        return self.cell.key

    @property
    def finished(self) -> bool:
        """False for a failure."""
        return not self.error


@dataclass(frozen=True)
class Record:
    """What results.jsonl says.

    Attributes:
        results: All lines, in the order in which they were written.
        notes: What was wrong with it, in sentences.
    """

    results: Sequence[Result]
    notes: Sequence[str] = field(default_factory=tuple)

    def finished(self) -> dict[str, Result]:
        """The cells that are finished, by key: a later failure takes nothing away."""
        return {result.key: result for result in self.results if result.finished}

    def words(self) -> dict[str, Result]:
        """The last word on every cell, by key."""
        return {**{result.key: result for result in self.results}, **self.finished()}


class Results:
    """The file.

    Args:
        path: Of results.jsonl; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, result: Result) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            RunError: it cannot be written.
        """
        from filelock import FileLock

        line = (result.model_dump_json() + "\n").encode()
        with explained(self.path), FileLock(f"{self.path}.lock"), self.path.open("ab+") as file:
            _remove_torn(file)
            file.write(line)
            to_disk(file)

    def read(self) -> Record:
        """All complete lines.

        Raises:
            RunError: a complete line is none of ours.
        """
        if not self.path.exists():
            return Record(())
        *lines, torn = self.path.read_bytes().split(b"\n")
        notes = (f"{self.path}: the last line was cut short and is left out.",) if torn else ()
        return Record([self._line(i + 1, line) for i, line in enumerate(lines)], notes)

    def _line(self, number: int, line: bytes) -> Result:
        try:
            return Result.model_validate_json(line)
        except ValidationError as error:
            raise RunError(
                f"Line {number} of {self.path} is damaged or of another version: {first_of(error)}.",
                "Restore the file, or remove that line; its cell is then done again.",
            ) from None


def _remove_torn(file: Any) -> None:
    """Cut off what follows the last end of a line."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    if whole < size:
        file.truncate(whole)
