"""Prints the tables of a benchmark, for the commands `benchmark` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from attredit.cli.console import out, say
from attredit.cli.tables import table

if TYPE_CHECKING:
    from attredit.benchmark.tables import Entry


def print_comparisons(path: Path) -> None:
    """Print the tables of what is finished by now, and write table.md, table.tex, table.csv and report.html.

    Raises:
        RunError: the benchmark cannot be read, or a file cannot be written.
    """
    from attredit.benchmark.directory import BenchmarkDirectory
    from attredit.benchmark.page import write_benchmark_page
    from attredit.benchmark.tables import LEGEND, facts, grids, write_tables

    directory = BenchmarkDirectory(path)
    comparisons, files = write_tables(directory)
    for comparison in comparisons:
        for grid in grids(comparison):
            made = table(*map(escape, grid.headings), title=grid.title, numbers=grid.headings[1:], wrap=True)
            for label, entries in grid.rows:
                made.add_row(escape(label), *map(_drawn, entries))
            out().print(made)
        for line in facts(comparison):
            say(line, fg="red" if line.startswith("Failed") else None, dim=not line.startswith("Failed"))
        say()
    say(LEGEND, dim=True)
    for file in (*files, write_benchmark_page(directory)):
        say(f"Wrote {file}")


def _drawn(entry: Entry) -> str:
    """The figure above its interval."""
    text = f"[bold green]{entry.text}*[/]" if entry.best else entry.text
    return f"{text}\n[dim]{entry.interval}[/]" if entry.interval else text
