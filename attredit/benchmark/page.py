"""report.html of a benchmark: its tables, which can be sorted, the same faces edited by every method, and plots.

One page that needs no other file, in the looks of a run's report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attredit.benchmark import plots, tables
from attredit.benchmark.compare import Comparison, comparisons_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.errors import AttrEditError
from attredit.files import write_text
from attredit.report.content import Content, gather
from attredit.report.document import rendered
from attredit.report.faces import EditedFaces
from attredit.runs.directory import RunDirectory

_FACES = 3
"""Faces shown of each value of an attribute."""


@dataclass(frozen=True)
class _Shown:
    """A comparison as the page shows it.

    Attributes:
        title: Of the comparison.
        grids: Its tables.
        notes: What a reader has to know, in sentences.
        plots: Titles and drawings.
        edits: By attribute and row.
    """

    title: str
    grids: list[tables.Grid]
    notes: list[str]
    plots: list[plots.Plot]
    edits: dict[str, dict[str, EditedFaces]]


def write_benchmark_page(directory: BenchmarkDirectory) -> Path:
    """Write report.html of what is finished by now.

    Raises:
        RunError: the benchmark cannot be read, or the page cannot be written.
    """
    text = rendered(
        "benchmark/page.html.jinja",
        plan=directory.read(),
        comparisons=[_shown(directory, comparison) for comparison in comparisons_of(directory)],
        tables=tables,
        each=_FACES,
    )
    target = directory.path / "report.html"
    write_text(target, text)
    return target


def _shown(directory: BenchmarkDirectory, comparison: Comparison) -> _Shown:
    runs, missing = _runs(directory, comparison)
    methods = {row.label: row.method for row in comparison.rows}
    losses = plots.training(comparison.title, [(methods[label], run.series) for label, run in runs.items()])
    drawn = [plot for plot in (plots.tradeoff(comparison), *plots.along(comparison), losses) if plot is not None]
    edits: dict[str, dict[str, EditedFaces]] = {}
    for label, run in runs.items():
        for own in run.edits:
            edits.setdefault(own.attribute.name, {})[label] = own
    return _Shown(comparison.title, tables.grids(comparison), [*tables.facts(comparison), *missing], drawn, edits)


def _runs(directory: BenchmarkDirectory, comparison: Comparison) -> tuple[Mapping[str, Content], list[str]]:
    """By row the run that pictures are made with, its first seed's; and a note on every row that has none."""
    found, missing = dict[str, Content](), list[str]()
    if comparison.on:  # the pictures are of the data set's own images, under its own table
        return found, missing
    keys = {(cell.label, cell.seed): cell.key for cell in directory.read().cells if cell.table == comparison.cell.table}
    for row in comparison.rows:
        if not row.seeds:
            continue
        try:
            found[row.label] = gather(RunDirectory(directory.run(keys[row.label, row.seeds[0]])), ())
        except AttrEditError as error:
            missing.append(f"No pictures of {row.label}: {error.message}")
    return found, missing
