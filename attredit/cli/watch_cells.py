"""What `attredit benchmark` shows while cells are carried out: bars on a terminal, a line for each cell elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from attredit.benchmark.cells import Cell
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.progress import TRAINING, Standing
from attredit.benchmark.results import Result
from attredit.benchmark.runner import Watch
from attredit.cli.console import err, note

if TYPE_CHECKING:
    import rich.progress


class CellWatcher(Watch, ExitStack):
    """A bar for all cells and one for each that runs; a context, which takes them away at the end.

    Attributes:
        bars: On a terminal, once it is known what is left; None otherwise.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left = self._ended = 0
        self.bars: rich.progress.Progress | None = None
        self._all: Any = None
        self._tasks: dict[str, Any] = {}

    def planned(self, directory: BenchmarkDirectory, cells: Sequence[Cell], left: Sequence[Cell]) -> None:
        """Say what is left."""
        self._left = len(left)
        keys = {cell.key for cell in cells}
        note(
            f"Suite {cells[0].suite} in {directory.path}: {len(keys)} cells, {len(left)} left, {cells[0].budget} each."
        )
        if left and err().is_terminal:
            self._open()

    def noted(self, sentence: str) -> None:
        """Say it."""
        note(sentence, fg="yellow")

    def preparing(self, dataset: str, standing: Standing) -> None:
        """Show how far a data set is."""
        if self.bars is not None:
            what = f"Preparing {dataset}: {standing.stage}"
            self.bars.update(self._all, description=what, completed=standing.done, total=standing.total or None)

    def starting(self, seconds: float, guessed: bool) -> None:
        """Say how long it takes."""
        if guessed:
            note(
                f"Training takes about {spoken(seconds)}, a guess from a second of steps each; evaluations come on top."
            )
        else:
            note(f"This takes about {spoken(seconds)}, as cells like these did before.")
        if self.bars is not None:
            self.bars.update(self._all, description="Cells", completed=0, total=self._left)

    def running(self, cells: Sequence[tuple[Cell, Standing]], seconds_left: float) -> None:
        """Move the bars."""
        if self.bars is None:
            return
        left = f"about {spoken(seconds_left)} left" if seconds_left else ""
        self.bars.update(self._all, completed=self._ended, rate=left)
        for key in set(self._tasks) - {cell.key for cell, _ in cells}:
            self.bars.remove_task(self._tasks.pop(key))
        for cell, standing in cells:
            if cell.key not in self._tasks:
                self._tasks[cell.key] = self.bars.add_task("", total=None, rate="")
            self.bars.update(
                self._tasks[cell.key],
                description=f"{cell.title}: {standing.stage}",
                completed=standing.done,
                total=standing.total or None,
                rate=rate_of(standing),
            )

    def ended(self, result: Result) -> None:
        """A line."""
        self._ended += 1
        number = f"[{self._ended}/{self._left}]"
        if result.facts is None:
            note(f"{number} {result.cell.title} failed: {result.error}", fg="red")
        else:
            note(f"{number} {result.cell.title}: {spoken(result.facts.cell_seconds)}")

    def _open(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bars, TextColumn

        columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn())
        bars = Bars(*columns, TextColumn("{task.fields[rate]}"), console=err(), transient=True)
        self.bars = self.enter_context(bars)
        self._all = self.bars.add_task("Cells", total=self._left, rate="")


def rate_of(standing: Standing) -> str:
    """Steps a second and the time left, while a cell trains."""
    left = standing.seconds_left
    if standing.stage != TRAINING or left is None:
        return ""
    return f"{standing.rate:.1f} steps/s, {spoken(left)} left"


def spoken(seconds: float) -> str:
    """A time as people say it.

    >>> [spoken(s) for s in (0.4, 59, 61, 3599, 3600, 100000)]
    ['1 s', '59 s', '1 min 1 s', '59 min 59 s', '1 h 0 min', '27 h 46 min']
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
