"""A benchmark directory: what was asked for last, and where everything lies.

benchmark.json    the cells of the suite that was started last: what tables are made of
results.jsonl     every cell that was finished or failed, of this suite and of others that shared the directory
cells/KEY/        task.json, progress.json, log.txt, clock.json of one cell, and run/, its run directory
data/NUMBER/      the same of the preparation of a data set
table.*           the tables
report.html       the page

Several processes may add lines to results.jsonl at once, under a lock. A line that a kill or a full disk cut short
lacks its end: readers leave it out and say so, and the next writer removes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from attredit.benchmark.cells import Cell
from attredit.benchmark.results import Record, Result
from attredit.benchmark.suite import Suite
from attredit.documents import Document, first_of
from attredit.errors import RunError
from attredit.files import explained, to_disk, write_text


class Plan(Document):
    """benchmark.json.

    Attributes:
        format: Of the file.
        suite: The suite's name.
        summary: What it is for.
        columns: Metrics that its tables show.
        cells: All of its cells.
    """

    format: Literal[1] = 1
    suite: str
    summary: str
    columns: tuple[str, ...]
    cells: tuple[Cell, ...] = Field(min_length=1)


class BenchmarkDirectory:
    """Paths and files of a benchmark.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.plan_file = self.path / "benchmark.json"
        self.results_file = self.path / "results.jsonl"

    @property
    def exists(self) -> bool:
        """Whether it is a benchmark directory, and not a run or something else."""
        return self.plan_file.is_file()

    def cell(self, key: str) -> Path:
        """Where a cell is carried out."""
        return self.path / "cells" / key

    def run(self, key: str) -> Path:
        """A cell's run directory."""
        return self.cell(key) / "run"

    def data(self, number: int) -> Path:
        """Where a data set is prepared."""
        return self.path / "data" / str(number)

    def write(self, suite: Suite, cells: Sequence[Cell]) -> None:
        """Note what is asked for.

        Raises:
            RunError: it cannot be written, or the directory holds something else.
        """
        if (self.path / "config.json").exists():
            raise RunError(f"{self.path} holds a run.", "Name another directory with -o.")
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file.", "Name a directory with -o.")
        plan = Plan(suite=suite.name, summary=suite.summary, columns=suite.columns, cells=tuple(cells))
        write_text(self.plan_file, json.dumps(plan.model_dump(), indent=2) + "\n")

    def read(self) -> Plan:
        """What was asked for last.

        Raises:
            RunError: there is nothing, or it is damaged.
        """
        if not self.exists:
            raise RunError(f"{self.path} is no benchmark: it has no benchmark.json.", "Run attredit benchmark first.")
        return Plan.of_file(self.plan_file, "Start the suite again.")

    def append(self, result: Result) -> None:
        """Add a line to results.jsonl; it is on the disk when this returns.

        Raises:
            RunError: it cannot be written.
        """
        from filelock import FileLock

        line = (result.model_dump_json() + "\n").encode()
        with (
            explained(self.results_file),
            FileLock(f"{self.results_file}.lock"),
            self.results_file.open("ab+") as file,
        ):
            _remove_torn(file)
            file.write(line)
            to_disk(file)

    def record(self) -> Record:
        """All complete lines of results.jsonl.

        Raises:
            RunError: a complete line is none of ours.
        """
        if not self.results_file.exists():
            return Record(())
        *lines, torn = self.results_file.read_bytes().split(b"\n")
        notes = (f"{self.results_file}: the last line was cut short and is left out.",) if torn else ()
        return Record([self._line(i + 1, line) for i, line in enumerate(lines)], notes)

    def _line(self, number: int, line: bytes) -> Result:
        try:
            return Result.model_validate_json(line)
        except ValidationError as error:
            raise RunError(
                f"Line {number} of {self.results_file} is damaged or of another version: {first_of(error)}.",
                "Restore the file, or remove that line; its cell is then done again.",
            ) from None


def _remove_torn(file: Any) -> None:
    """Cut off what follows the last end of a line."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    if whole < size:
        file.truncate(whole)
