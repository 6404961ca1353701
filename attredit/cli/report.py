"""``attredit report``: a run's page of pictures and figures, or a benchmark's tables."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import RunPath, data_dir_option, output_option
from attredit.errors import UsageError


@click.command
@click.argument("path", type=RunPath(), metavar="RUN|BENCHMARK")
@output_option("Directory to write a run's report into. [default: the run directory]")
@data_dir_option("Where a run's data lie now, if they were moved.")
def command(path: Path, output: Path | None, data_dir: str | None) -> None:
    """Show a run or a benchmark.

    Of a run: write report.html, one page that needs no other file, and report.png, its summary in one picture. They
    show test faces with their edits, what the edits should have been where the data set can draw it, how training went,
    and the figures of attredit evaluate if that was run.

    Of a benchmark, finished or not: print its tables, and write table.md, table.tex, table.csv and report.html.
    """
    if (path / "benchmark.json").is_file():
        _benchmark(path, output, data_dir)
    else:
        _run(path, output, data_dir)


def _benchmark(path: Path, output: Path | None, data_dir: str | None) -> None:
    from attredit.cli.comparisons import print_comparisons

    if output is not None:
        raise UsageError("The tables of a benchmark are written into its directory.", "Leave -o out.")
    if data_dir is not None:
        raise UsageError("--data-dir is of one run's data, and this is a benchmark.", "Leave it out.")
    print_comparisons(path)


def _run(path: Path, output: Path | None, data_dir: str | None) -> None:
    from attredit.runs.directory import RunDirectory

    RunDirectory(path).config()  # an error about the run comes before the imports that take seconds
    from attredit.report.write import write_report

    page, picture = write_report(path, output, data_dir=data_dir)
    say(f"Wrote {page}")
    say(f"Wrote {picture}")
