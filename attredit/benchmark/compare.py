"""From results to comparisons: every row's figures over its seeds, and which figure of a column is the best.

A figure's interval covers other images and other seeds; it is worked out from what every image said, which the cells'
run directories have. The best figure is marked only if its paired difference from the next one, on the same images,
excludes zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from attredit.benchmark.cells import Cell
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.results import Facts, Figures, Result
from attredit.errors import RunError
from attredit.evaluation.result import Evaluation
from attredit.evaluation.statistics import Estimate, over_seeds, paired_difference
from attredit.evaluation.table import Figure
from attredit.evaluation.values import Values, read_values
from attredit.report.figures import meaning
from attredit.runs.directory import RunDirectory


@dataclass(frozen=True)
class Parts:
    """One metric of one row, image by image.

    Attributes:
        share: Its values are 0 and 1.
        units: Verdicts that a value sums up.
        matrices: (N, M) for every seed, rows of the same images.
        weights: (M,) of the columns.
    """

    share: bool
    units: int
    matrices: tuple[np.ndarray, ...]
    weights: np.ndarray


@dataclass(frozen=True)
class Value:
    """A figure over seeds, and whether it is the best of its column beyond doubt."""

    estimate: Estimate
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A method, or a point of its grid.

    Attributes:
        label: What it is called.
        point: Its place in the suite's grid.
        seeds: Of its finished cells.
        asked: How many cells it has.
        facts: Of its finished cells.
        failures: Seeds and reasons of failed ones.
        values: By metric.
        figures: Of its finished cells.
    """

    label: str
    point: dict[str, object]
    seeds: tuple[int, ...]
    asked: int
    facts: tuple[Facts, ...]
    failures: tuple[tuple[int, str], ...]
    values: dict[str, Value]
    figures: tuple[Figures, ...] = ()

    @property
    def method(self) -> str:
        """The label without the place in the grid, which `Suite.points` puts at its end."""
        return self.label.removesuffix(" ".join(f"{k}={v}" for k, v in self.point.items())).strip()

    def mean(self, name: str) -> float | None:
        """The mean over cells of one of their facts."""
        found = [getattr(facts, name) for facts in self.facts]
        return fmean(found) if found and None not in found else None


@dataclass(frozen=True)
class Comparison:
    """A table: rows on one data set, with one set of attributes.

    Attributes:
        title: Data set and attributes, and what was measured on, if that is another collection.
        cell: One of its cells, for what all have: data set, attributes, budget, size.
        columns: Metrics to show.
        rows: In the suite's order.
        notes: What a reader has to know, in sentences.
        on: The other collection that was measured on; empty for the data set's own images.
    """

    title: str
    cell: Cell
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    on: str = ""


def comparisons_of(directory: BenchmarkDirectory) -> list[Comparison]:
    """The comparisons of the suite that was started last, of the cells that are finished by now.

    Raises:
        RunError: the directory is no benchmark, or is damaged.
    """
    plan, record = directory.read(), directory.record()
    words = record.words()
    tables: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        tables.setdefault(cell.table, []).append(cell)
    found = [
        _comparison(directory, cells, plan.columns, words, on)
        for cells in tables.values()
        for on in ("", *(entry.label for entry in cells[0].dataset.evaluate_on))
    ]
    return [replace(found[0], notes=(*record.notes, *found[0].notes)), *found[1:]]


def best_of(rows: Sequence[tuple[float, Parts | None]], better: str) -> int | None:
    """Which row's figure is the best beyond doubt: its difference from the next one excludes zero.

    Args:
        rows: The figure of every row, and its values image by image, where they are known.
        better: "higher" or "lower"; anything else has no best.
    """
    if better not in ("higher", "lower") or len(rows) < 2:
        return None
    first, second = sorted(range(len(rows)), key=lambda i: rows[i][0], reverse=better == "higher")[:2]
    a, b = rows[first][1], rows[second][1]
    if a is None or b is None or a.matrices[0].shape != b.matrices[0].shape:
        return None
    difference = paired_difference(a.matrices, b.matrices, weights=a.weights)
    if difference.low is None or difference.high is None:
        return None
    return first if difference.low > 0 or difference.high < 0 else None


def _comparison(
    directory: BenchmarkDirectory, cells: list[Cell], columns: tuple[str, ...], words: dict[str, Result], on: str
) -> Comparison:
    rows, parts, missing = [], [], list[str]()
    finished = [words[cell.key] for cell in cells if cell.key in words and words[cell.key].finished]
    read = {result.key: _values_of(directory, result, on, missing) for result in finished}
    # Of images that somebody else framed, each run finds its own.
    seen = np.unique(np.concatenate([v.rows for v in read.values() if v is not None] or [np.empty(0, np.int64)]))
    for label in dict.fromkeys(cell.label for cell in cells):
        own = [cell for cell in cells if cell.label == label]
        done = [result for result in finished if result.cell.label == label]
        failed = [(c.seed, words[c.key].error) for c in own if c.key in words and not words[c.key].finished]
        figures = [result.figures[on] for result in done]
        values = [read[result.key] for result in done]
        found = {} if None in values else _parts_of([v.over(seen) for v in values if v is not None])
        facts = tuple(result.facts for result in done if result.facts is not None)
        estimates = {name: Value(estimate) for name, estimate in _estimates(figures, found).items()}
        seeds = tuple(result.cell.seed for result in done)
        rows.append(Row(label, dict(own[0].point), seeds, len(own), facts, tuple(failed), estimates, tuple(figures)))
        parts.append(found)
    title = f"{cells[0].table}, measured on {on}" if on else cells[0].table
    return Comparison(title, cells[0], columns, tuple(_marked(rows, parts)), (*missing, *_doubts(rows)), on)


def _values_of(directory: BenchmarkDirectory, result: Result, on: str, missing: list[str]) -> Values | None:
    """What every image said of a finished cell; None, with a note, where that is gone or of another evaluation."""
    run = RunDirectory(directory.run(result.key))
    try:
        if Evaluation.read(run, on).metrics == result.figures[on].metrics:
            return read_values(run, on)
        reason = "the run was evaluated again in another way"
    except RunError as error:
        reason = error.message
    missing.append(f"{result.cell.label}, seed {result.cell.seed}: its row has no intervals and no marks: {reason}")
    return None


def _parts_of(values: Sequence[Values]) -> dict[str, Parts]:
    """Every metric that all seeds have, of the attributes and classes that images say something of."""
    found = {}
    for name in values[0].figures if values else ():
        figures = [_told(v.figures[name]) for v in values if name in v.figures]
        joined = [figure.matrix() for figure in figures if figure.values]
        if len(joined) == len(values) and len({matrix.shape for matrix, _ in joined}) == 1:
            first = figures[0]
            found[name] = Parts(first.share, first.units, tuple(matrix for matrix, _ in joined), joined[0][1])
    return found


def _told(figure: Figure) -> Figure:
    """A figure without attributes of which no image says anything."""
    return replace(figure, values={a: v for a, v in figure.values.items() if np.isfinite(v).any(0).all()})


def _estimates(figures: Sequence[Figures], parts: dict[str, Parts]) -> dict[str, Estimate]:
    """Over seeds; of figures that are not made of single images' values, the mean, and one seed's own interval."""
    found = {}
    for name in figures[0].metrics if figures else ():
        own = [each.metrics[name] for each in figures if name in each.metrics]
        if len(own) == len(figures):
            mean = Estimate(fmean(e.value for e in own), None, None, sum(e.n for e in own))
            found[name] = own[0] if len(own) == 1 else mean
    for name, p in parts.items():
        estimate = over_seeds(p.matrices, share=p.share, weights=p.weights)
        found[name] = replace(estimate, n=estimate.n * p.units)
    return found


def _marked(rows: Sequence[Row], parts: Sequence[dict[str, Parts]]) -> list[Row]:
    """The rows, with the best figure of each column marked."""
    best: list[set[str]] = [set() for _ in rows]
    for name in dict.fromkeys(name for row in rows for name in row.values):
        known = [i for i, row in enumerate(rows) if name in row.values]
        pairs = [(rows[i].values[name].estimate.value, parts[i].get(name)) for i in known]
        winner = best_of(pairs, meaning(name).better)
        if winner is not None:
            best[known[winner]].add(name)
    return [
        replace(row, values={name: replace(v, best=name in names) for name, v in row.values.items()})
        for row, names in zip(rows, best, strict=True)
    ]


def _doubts(rows: Sequence[Row]) -> list[str]:
    """What makes figures of one table incomparable."""
    judges = sorted({figures.judge for row in rows for figures in row.figures})
    if len(judges) > 1:
        return [f"These cells were read by different judges ({', '.join(judges)}): do not compare them."]
    return []
