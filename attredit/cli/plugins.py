"""``attredit plugins``: list plugins, working or broken."""

from __future__ import annotations

from collections import Counter

import rich_click as click

from attredit.cli.console import out, say
from attredit.cli.tables import table
from attredit.errors import UsageError, nearest
from attredit.registry import PluginInfo, installed


@click.command
@click.option("--traceback", "name", metavar="NAME", help="Show the whole traceback of a broken plugin.")
def command(name: str | None) -> None:
    """List plugins: where they come from, whether they work, and what they bring."""
    plugins = installed().plugins
    if name is not None:
        say(_traceback(name, plugins))
        return
    rows = table("Plugin", "Distribution", "Version", "State", "Import", "Brings")
    for plugin in plugins:
        state = f"[red]broken[/]: {_escaped(plugin.error)}" if plugin.error else "[green]ok[/]"
        origin = (f"[bold]{plugin.name}[/]", plugin.distribution, plugin.version)
        rows.add_row(*origin, state, f"{plugin.milliseconds:.0f} ms", _brings(plugin))
    out().print(rows)


def _brings(plugin: PluginInfo) -> str:
    counts = Counter(component.kind for component in plugin.components)
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items())


def _traceback(name: str, plugins: list[PluginInfo]) -> str:
    """The traceback of one plugin.

    Raises:
        UsageError: there is no such plugin, or it works.
    """
    named = {plugin.name: plugin for plugin in plugins}
    if name not in named:
        raise UsageError(f"Unknown plugin {name!r}.", nearest(name, named))
    if not named[name].error:
        raise UsageError(f"Plugin {name} works: it has no traceback.")
    return named[name].traceback.rstrip()


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
