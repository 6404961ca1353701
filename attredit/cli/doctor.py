"""``attredit doctor``: what is wrong with a run, and what to change."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import run_argument


@click.command
@run_argument
def command(run: Path) -> None:
    """Say what is wrong with a run, and what to change.

    Looks at how training ended and, after `attredit evaluate`, at what edits do: for attributes that are ignored,
    a latent that collapsed or ran away, adversaries that won, and edits that move other attributes.
    """
    from attredit.report.doctor import diagnose
    from attredit.runs.directory import RunDirectory

    diagnosis = diagnose(RunDirectory(run))
    for finding in diagnosis.findings:
        say(finding.what, fg="red")
        say(f"  {finding.change}")
    if not diagnosis.findings:
        say(
            "Nothing wrong was found." if not diagnosis.unseen else "Nothing wrong was found in what there is.",
            fg="green",
        )
    for sentence in diagnosis.unseen:
        say(sentence, dim=True)
