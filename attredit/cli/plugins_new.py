"""``attredit plugins new``: begin a plugin."""

from __future__ import annotations

import shlex
from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import output_option
from attredit.plugin.registry import installed
from attredit.scaffold import KINDS, Distribution, checked_name


@click.command
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the plugin shall bring.")
@output_option("Where to write it. [default: attredit-NAME]", "DIR")
def command(name: str, kind: str, output: Path | None) -> None:
    """Begin a plugin: write a distribution with an example that works, tests, a README and a CI file.

    NAME is what attredit will call the plugin, such as my-method. Nothing that exists is written over.
    """
    new = Distribution(checked_name(name, installed()), kind)
    target = output or Path(new.title)
    new.write(target)
    say(f"Plugin {name}: {target}", bold=True)
    for path in sorted(new.files):
        say(f"  {path}")
    say("Next:")
    checks = ('pip install -e ".[dev]"', "python -m pytest", f"attredit plugins check {name}")
    for line in (f"cd {shlex.quote(str(target))}", *checks, *new.commands):
        say(f"  {line}")
