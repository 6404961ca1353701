"""``attredit plugins check``: whether plugins keep what the core promises of their components."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.markup import escape

from attredit.cli.console import err, is_main_process, note, out, say
from attredit.cli.options import PLACE
from attredit.cli.tables import table
from attredit.errors import PluginError

if TYPE_CHECKING:
    from attredit.testing.check import Planned
    from attredit.testing.report import Check, Report

_MARKS = {"passed": ("green", "✓"), "failed": ("bold red", "✗"), "skipped": ("dim", "–")}


@click.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Leave out the promises that need further processes.")
@click.option("--only", multiple=True, metavar="PROMISE", help="Check this promise; may be repeated.")
@click.option("--import-ms", default=100.0, show_default=True, help="Milliseconds that importing a plugin may take.")
@click.option("--data-dir", type=PLACE, help="Where the plugin's data sets find their data.")
@click.option("--data-option", multiple=True, metavar="KEY=VALUE", help="Option of its data sets; may be repeated.")
def command(
    names: tuple[str, ...],
    quick: bool,
    only: tuple[str, ...],
    import_ms: float,
    data_dir: Path | None,
    data_option: tuple[str, ...],
) -> None:
    """Check that plugins keep what the core promises of their components.

    Without a NAME: all that attredit does not bring itself, or all if there is no other. docs/conformance.md explains
    every promise, what usually breaks it, and what to do. Exit code 1 when a promise is broken.
    """
    from attredit.recipe import parse_overrides
    from attredit.testing.report import DOCS

    options: dict[str, Any] = {
        "import_milliseconds": import_ms,
        "data_dir": data_dir,
        "data_options": parse_overrides(data_option),
    }
    reports = [_checked(name, quick, only, options) for name in names or _others()]
    for report in reports:
        _show(report)
    failed = [check for report in reports for check in report.failed]
    if failed:
        broken = ", ".join(dict.fromkeys(check.promise for check in failed))
        count = f"{len(failed)} check{'s' if len(failed) > 1 else ''}"
        raise PluginError(f"{count} failed, of the promises {broken}.", f"{DOCS} says what usually breaks them.")


def _others() -> list[str]:
    """Plugins of other distributions; all but the core where there are none."""
    from attredit.plugin.registry import installed

    plugins = installed().plugins
    foreign = [plugin.name for plugin in plugins if plugin.distribution != "attredit"]
    return foreign or [plugin.name for plugin in plugins if plugin.name != "core"]


def _checked(name: str, quick: bool, only: tuple[str, ...], options: dict[str, Any]) -> Report:
    """Check one plugin, telling how far that is."""
    from attredit.testing import Report, checks, plan

    tasks, report = plan(name, quick=quick, only=only), Report(name)
    with _progress(name, tasks) as tell:
        for check in checks(name, quick=quick, only=only, **options):
            report.checks.append(check)
            tell(report)
    return report


@contextmanager
def _progress(name: str, tasks: list[Planned]) -> Iterator[Any]:
    """Yield ``tell(report)``: on a terminal a bar and a line for every failure, else a line at the end."""
    if not (is_main_process() and err().is_terminal):
        yield lambda report: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("[bold]{task.fields[plugin]}"), BarColumn(), MofNCompleteColumn())
    now = TextColumn("{task.description}")
    with Progress(*columns, TimeElapsedColumn(), now, console=err(), transient=True) as shown:
        bar = shown.add_task(_next(tasks, 0), total=len(tasks), plugin=name)

        def tell(report: Report) -> None:
            done = len(report.checks)
            shown.update(bar, completed=done, description=_next(tasks, done))
            if report.checks[-1].state == "failed":
                shown.console.print(_line(report.checks[-1]))

        yield tell


def _next(tasks: list[Planned], done: int) -> str:
    """What is being checked now."""
    return f"{tasks[done].promise.name}: {tasks[done].kind} {tasks[done].name}" if done < len(tasks) else ""


def _show(report: Report) -> None:
    """A table of promises, with a row for each component; then every failure."""
    rows = table("Promise", "Kind", "Component", "", "ms", "", title=f"Plugin {report.plugin}", numbers=("ms",))
    before = ""
    for check in report.checks:
        style, mark = _MARKS[check.state]
        shown = check.promise if check.promise != before else ""
        state = f"[{style}]{mark} {check.state}[/]"
        figures = (f"{check.milliseconds:.0f}", f"[dim]{escape(check.note)}[/]")
        rows.add_row(f"[bold]{shown}[/]", check.kind, escape(check.component), state, *figures)
        before = check.promise
    out().print(rows)
    counts = report.counts
    for check in report.failed:
        say(f"\n{check}")
        if check.traceback:
            note(check.traceback.rstrip(), dim=True)
    say(", ".join(f"{counts[state]} {state}" for state in _MARKS if counts[state]) + ".")


def _line(check: Check) -> str:
    return f"[bold red]✗[/] {escape(f'{check.promise}: {check.kind} {check.component}: {check.found}')}"
