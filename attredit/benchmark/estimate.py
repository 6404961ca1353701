"""About how long cells take: as long as their like took, or as a second of their steps says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from attredit.benchmark.cells import Cell
from attredit.benchmark.results import Result


class Durations:
    """What is known of how long cells take.

    Args:
        results: Of this directory, those of other suites included.
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._measured: dict[str, list[float]] = {}
        self._guessed: dict[str, float] = {}
        for result in results:
            self.add(result)

    def add(self, result: Result) -> None:
        """Learn from one more result."""
        if result.facts is not None:
            self._measured.setdefault(_like(result.cell), []).append(result.facts.cell_seconds)

    def guess(self, seconds: Mapping[str, float], cells: Iterable[Cell]) -> None:
        """Seconds by key of some of these cells, for all that are like them."""
        self._guessed |= {_like(cell): seconds[cell.key] for cell in cells if cell.key in seconds}

    def knows(self, cell: Cell) -> bool:
        """Whether one like it was measured."""
        return _like(cell) in self._measured

    def of(self, cells: Iterable[Cell]) -> tuple[float, bool]:
        """Seconds of all these cells one after the other, and whether some are guessed."""
        times = [self._of(cell) for cell in cells]
        return sum(seconds for seconds, _ in times), any(guessed for _, guessed in times)

    def _of(self, cell: Cell) -> tuple[float, bool]:
        like = _like(cell)
        if like in self._measured:
            return fmean(self._measured[like]), False
        if like in self._guessed:
            return self._guessed[like], True
        every = [seconds for found in self._measured.values() for seconds in found]
        return fmean(every or self._guessed.values() or [0.0]), True


def _like(cell: Cell) -> str:
    """Cells that take as long: same row, data, size and budget, whatever the seed and the attributes."""
    data = cell.dataset.model_dump_json()
    return f"{cell.label} {cell.recipe} {data} {cell.request.image_size} {cell.budget} {cell.evaluation}"
