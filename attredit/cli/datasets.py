"""``attredit datasets``: list data sets; the commands below it are in the files datasets_*.py."""

from __future__ import annotations

import rich_click as click

from attredit.cli.console import out
from attredit.cli.group import LazyGroup
from attredit.cli.tables import table
from attredit.plugin.registry import installed

SUMMARIES = {
    "inspect": "Show what a data set is, and warn of what will hurt.",
    "prepare": "Decode all splits of a data set now, for later use.",
    "ls": "List prepared data.",
    "verify": "Read prepared data and compare them with their checksums.",
    "rm": "Remove prepared data.",
}


@click.group(cls=LazyGroup, commands=SUMMARIES, prefix="datasets_", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List data sets, for `attredit train --dataset NAME`; without --attr, that lists the attributes it could edit."""
    if ctx.invoked_subcommand is not None:
        return
    rows = table("Data set", "Summary", "Plugin")
    for found in installed().components("dataset"):
        rows.add_row(f"[bold]{found.name}[/]", found.summary, found.plugin)
    out().print(rows)
