"""``attredit datasets``: list data sets."""

from __future__ import annotations

import rich_click as click

from attredit.cli.console import out
from attredit.cli.tables import table
from attredit.registry import installed


@click.command
def command() -> None:
    """List data sets, for `attredit train --dataset NAME`; without --attr, that command lists the set's attributes."""
    rows = table("Data set", "Summary", "Plugin")
    for found in installed().components("dataset"):
        rows.add_row(f"[bold]{found.name}[/]", found.summary, found.plugin)
    out().print(rows)
