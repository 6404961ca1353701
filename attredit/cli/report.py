"""``attredit report``: a run's page of pictures and figures."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import output_option, run_argument


@click.command
@run_argument
@output_option("Directory to write into. [default: the run directory]")
def command(run: Path, output: Path | None) -> None:
    """Write report.html, one page that needs no other file, and report.png, its summary in one picture.

    They show test faces with their edits, what the edits should have been where the data set can draw it, how training
    went, and the figures of attredit evaluate if that was run.
    """
    from attredit.checkpoint import RunDirectory

    RunDirectory(run).config()  # an error about the run comes before the imports that take seconds
    from attredit.report import write_report

    page, picture = write_report(run, output)
    say(f"Wrote {page}")
    say(f"Wrote {picture}")
