"""``attredit plugins show``: one plugin."""

from __future__ import annotations

import rich_click as click

from attredit.cli.console import say
from attredit.errors import UsageError, nearest
from attredit.registry import PluginInfo, installed


@click.command
@click.argument("name")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of a broken plugin.")
def command(name: str, traceback: bool) -> None:
    """Tell what a plugin registers, or why it is broken."""
    say(_traceback(name, installed().plugins))


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
