"""``attredit methods``: list methods and their presets."""

from __future__ import annotations

import rich_click as click

from attredit.cli.console import out
from attredit.cli.tables import table
from attredit.plugin.registry import installed


@click.command
def command() -> None:
    """List methods and their presets, for `attredit train --method NAME --preset NAME`."""
    rows = table("Method", "Summary", "Presets", "Plugin")
    for found in installed().components("method"):
        # As `attredit.recipe.presets_of`, whose import costs more than this whole command.
        presets = ("default", *(name for name in found.presets if name != "default"))
        rows.add_row(f"[bold]{found.name}[/]", found.summary, "\n".join(presets), found.plugin)
    out().print(rows)
