"""What results.jsonl says: a line for every cell that was finished or failed. Lines are added, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from attredit.benchmark.cells import Cell
from attredit.documents import Document
from attredit.evaluation.result import Evaluation
from attredit.evaluation.statistics import Estimate


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
    """All of it.

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
