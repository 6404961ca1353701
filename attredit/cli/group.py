"""The command `attredit`: which commands there are, and what a user sees when one fails.

Listing the commands imports none of them. Every error leaves as one red line on stderr and an exit code: 2 for a
request that cannot be right, 1 for one that failed, 130 for an interruption, 143 for SIGTERM.
"""

from __future__ import annotations

import copy
import importlib
import os
import re
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click
from click.exceptions import Abort, ClickException, Exit

from attredit.cli.console import is_main_process, make_printable, note, showing_warnings
from attredit.errors import AttrEditError, Terminated, in_one_line, nearest
from attredit.stopping import stoppable
from attredit.version import __version__

PANELS = {
    "Train and judge": {
        "train": "Train a model, or continue a run.",
        "evaluate": "Measure a run, with 95 % intervals.",
        "sharpen": "Teach a run to draw finer than it decodes.",
        "tune": "Search values of a recipe's keys.",
        "doctor": "Say what is wrong with a run, and what to change.",
        "benchmark": "Compare methods, with tables.",
        "report": "Show a run's pictures and figures, or a benchmark's tables.",
        "compare": "Have people compare runs, blind.",
        "votes": "Count what they said.",
    },
    "Use": {
        "app": "Edit pictures on a page, with sliders.",
        "edit": "Change attributes of pictures.",
        "sweep": "Show one attribute from less to more.",
        "sample": "Draw new images from the model.",
        "export": "Write a model for programs without torch.",
        "push": "Put a run on the Hugging Face Hub.",
    },
    "Look around": {
        "show": "Tell what a run is.",
        "models": "List models that are ready to edit with.",
        "methods": "List methods and their presets.",
        "datasets": "List data sets, look into them, manage prepared data.",
        "plugins": "List plugins, working or broken.",
    },
}
SUMMARIES = {name: summary for commands in PANELS.values() for name, summary in commands.items()}

# Time enough for a launcher to end this process when another one failed first.
_LAUNCHER_SECONDS = 5.0

_HELP = {
    "command_groups": {"attredit": [{"name": title, "commands": list(commands)} for title, commands in PANELS.items()]},
    "style_command": "bold cyan",
    "max_width": 100,
}


def _use_plugins(ctx: Any, parameter: Any, files: Sequence[str]) -> None:
    """Have plugin files for as long as the command runs; processes that it starts have them as well."""
    if files:
        from attredit.plugin.registry import using_plugins

        ctx.with_resource(using_plugins(files))


# Every command has it: whatever a command looks up may be in such a file.
_PLUGIN = click.Option(
    ["--plugin"],
    multiple=True,
    metavar="FILE.py",
    help="Use a plugin that is one file and not installed; repeatable.",
    expose_value=False,
    is_eager=True,
    callback=_use_plugins,
)


class LazyGroup(click.RichGroup):
    """Imports a command's module when the command is run, not when it is listed.

    Args:
        commands: What each command does, by name, in the order of the help.
        prefix: Before a command's name, the name of its module in `attredit.cli`.
    """

    def __init__(self, *args: Any, commands: Mapping[str, str], prefix: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self._commands, self._prefix = commands, prefix

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, in the order of the help."""
        return list(self._commands)

    def get_command(self, ctx: Any, cmd_name: str) -> click.RichCommand | None:
        """Enough of a command to be listed: its name and what it does."""
        known = self._commands
        return click.RichCommand(name=cmd_name, help=known[cmd_name]) if cmd_name in known else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command itself, for running it.

        Raises:
            click.UsageError: there is no such command.
        """
        name = args[0]
        if name not in self._commands:
            if name.startswith("-"):
                ctx.fail(f"No such option {name!r}.")
            ctx.fail(f"Unknown command {name!r}. {nearest(name, self._commands)}")
        command = copy.copy(importlib.import_module(f"attredit.cli.{self._prefix}{name}").command)
        command.params = [*command.params, _PLUGIN]
        return name, command, args[1:]


class Program(LazyGroup):
    """The group of all commands, through which every error leaves."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error that is not about the command line itself is told here, where --debug is known."""
        try:
            return super().invoke(ctx)
        except (ClickException, Exit, Abort, BrokenPipeError):
            raise
        except Terminated:
            note("Terminated.", fg="yellow")
            raise
        except Exception as error:
            ctx.exit(_explain(error, debug=ctx.params["debug"]))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; standalone, leave the process with its exit code."""
        make_printable()
        try:
            # Not standalone, click returns the code of ctx.exit(), or else what the command returned: None here.
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except (ClickException, Abort) as error:
            if not standalone_mode:
                raise
            code = _explain(error)
        return sys.exit(code or 0) if standalone_mode else code


@click.group(
    cls=Program,
    commands=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"], "rich_help_config": _HELP},
)
@click.option("--debug", is_flag=True, envvar="ATTREDIT_DEBUG", help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="attredit")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Edit attributes of images with models anyone can train, compare and extend.

    Start with `attredit train --attr Smiling`; `attredit COMMAND --help` explains each command.
    """
    ctx.with_resource(showing_warnings())
    ctx.with_resource(stoppable())


def _explain(error: Exception, *, debug: bool = False) -> int:
    """Say what went wrong in one line, once for all processes of a launch; the traceback where it was asked for.

    Returns:
        The exit code.
    """
    if not is_main_process():
        # When all processes fail alike, the main one speaks and the launcher ends this one meanwhile; on another
        # machine, the first one there. Only a process that failed alone gets past this.
        time.sleep(_LAUNCHER_SECONDS + int(os.environ.get("LOCAL_RANK", "0")))
    if debug:
        traceback.print_exception(error)
    line, code = line_and_code(error)
    click.secho(line, fg="red", err=True)
    return code


def line_and_code(error: Exception) -> tuple[str, int]:
    """What is said of an error, and the exit code."""
    if isinstance(error, Abort):
        return "Interrupted.", 130
    if isinstance(error, ClickException):
        context = getattr(error, "ctx", None)
        advice = f" See {context.command_path} --help." if context is not None else ""
        return f"Error: {error.format_message()}{advice}", error.exit_code
    if isinstance(error, AttrEditError):
        # A damaged file may have a word without end.
        return f"Error: {re.sub(r'[^ ]{1000,}', lambda word: f'{word[0][:100]}…', str(error))}", error.exit_code
    reason = in_one_line(error)
    # The latter is torch's, which is not imported here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"Error: {reason} Try a smaller --batch-size or --image-size.", 1
    if isinstance(error, OSError):
        return f"Error: {reason}", 1
    # What torch.distributed raises; errors of gloo's have no type of their own.
    if "WORLD_SIZE" in os.environ and (type(error).__name__.startswith("Dist") or "gloo" in reason):
        return "Error: Another process of this launch ended or did not answer; it says why, here or on its machine.", 1
    from attredit.plugin.calling import named

    if by := named(error):
        return f"Error: {reason} In {by}: tell its authors what `attredit --debug ...` prints.", 1
    report = "This is a bug, of attredit or of a plugin: run `attredit --debug ...` and report what it prints."
    return f"Error: {reason} {report}", 1
