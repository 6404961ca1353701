"""``attredit plugins``: list plugins, working or broken; the commands below it are in the files plugins_*.py."""

from __future__ import annotations

from collections import Counter

import rich_click as click
from rich.markup import escape

from attredit.cli.console import out
from attredit.cli.group import LazyGroup
from attredit.cli.options import from_here
from attredit.cli.tables import table
from attredit.plugin.registry import PluginInfo, installed

# Of a file's, which is a digest, the beginning is enough to tell two apart.
_LONGEST_VERSION = 15

SUMMARIES = {
    "new": "Begin a plugin: write a distribution that works, for you to change.",
    "show": "Tell what a plugin registers, or why it is broken.",
    "check": "Check that plugins keep what the core promises of them.",
}


@click.group(cls=LazyGroup, commands=SUMMARIES, prefix="plugins_", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List plugins: where they come from, whether they work, and what they bring."""
    if ctx.invoked_subcommand is not None:
        return
    rows = table("Plugin", "Distribution", "Version", "API", "Brings", "Import", "State", numbers=("Import",))
    for plugin in installed().plugins:
        owner = from_here(plugin.distribution) if plugin.is_file else plugin.distribution
        origin = (f"[bold]{escape(plugin.name)}[/]", escape(owner), escape(plugin.version[:_LONGEST_VERSION]))
        api = "" if plugin.api is None else str(plugin.api)
        rows.add_row(*origin, api, _brings(plugin), f"{plugin.milliseconds:.0f} ms", state_of(plugin))
    out().print(rows)
    if left_out := installed().left_out:
        out().print(f"Left out by ATTREDIT_LOAD_PLUGINS: {', '.join(left_out)}", style="dim", markup=False)


def state_of(plugin: PluginInfo) -> str:
    """Whether it works, and what is wrong with it although it does; as rich prints it."""
    warnings = [f"[yellow]{escape(warning)}[/]" for warning in plugin.warnings]
    return "\n".join([f"[red]broken[/]: {escape(plugin.error)}" if plugin.error else "[green]ok[/]", *warnings])


def _brings(plugin: PluginInfo) -> str:
    counts = Counter(component.kind for component in plugin.components)
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items())
