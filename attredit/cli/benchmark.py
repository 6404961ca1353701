"""``attredit benchmark``: carry out a suite of comparisons, or go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import note, say
from attredit.cli.options import device_option, output_option, plugin_words
from attredit.errors import Terminated, UsageError

if TYPE_CHECKING:
    from attredit.benchmark.engine import Engine

_PANELS = {
    "option_groups": {
        "*": [
            {"name": "What", "options": ["--methods", "--attr", "--seeds", "--list"]},
            {"name": "Data", "options": ["--dataset", "--data-dir"]},
            {"name": "Where and how", "options": ["--output", "--jobs", "--engine", "--slurm", "--device"]},
        ]
    },
    "max_width": 100,
}


@click.command(context_settings={"rich_help_config": _PANELS})
@click.argument("suite", default="quick", metavar="[SUITE|FILE.toml]")
@click.option("--methods", multiple=True, metavar="NAMES", help="Only these of the suite, or others; with commas.")
@click.option("--attr", "attributes", multiple=True, metavar="NAMES", help="Instead of the suite's; each is one set.")
@click.option("--seeds", metavar="N", help="How many seeds; or which, with commas.")
@click.option("--list", "listed", is_flag=True, help="List the built-in suites, and do nothing else.")
@click.option("--dataset", metavar="NAME", help="Only this one of the suite, or another.")
@click.option(
    "--data-dir",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Where the data lie, of several data sets by name; repeatable.",
)
@output_option("The benchmark directory, new or continued. [default: runs/benchmarks/SUITE]", "DIR")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Cells at a time. [default: 1; slurm: all]")
@click.option("--engine", type=click.Choice(["local", "slurm"]), default="local", show_default=True, help="Where to.")
@click.option(
    "--slurm", "options", multiple=True, metavar="KEY=VALUE", help="A parameter of submitit, such as timeout_min=60."
)
@device_option
@click.pass_context
def command(context: Any, /, suite: str, listed: bool, output: Path | None, device: str | None, **given: Any) -> None:
    """Compare methods: train and evaluate every cell of a suite, and print tables.

    Without a suite it is `quick`, which takes minutes and needs nothing. The same command goes on where it was stopped;
    what is finished is never done again.
    """
    from attredit.benchmark.choose import chosen
    from attredit.benchmark.suite import built_in, read_suite

    if listed:
        for name, summary in built_in().items():
            say(f"{name:12}{summary}")
        return
    engine = given.pop("engine"), given.pop("jobs"), given.pop("options")
    wanted = chosen(read_suite(suite), **given)
    target = output or Path("runs") / "benchmarks" / wanted.name
    from attredit.benchmark.runner import run
    from attredit.cli.watch_cells import CellWatcher

    try:
        with CellWatcher() as watch:
            results = run(wanted, target, _engine(*engine, target), device=device, watch=watch)
    except KeyboardInterrupt:
        note("Interrupted. Finished cells are kept; the same command goes on from the last checkpoints.", fg="yellow")
        note(f"What is finished by now: attredit report {shlex.quote(str(target))}{plugin_words()}")
        context.exit(130)
    except Terminated as ended:
        note("Terminated. Finished cells are kept; the same command goes on from the last checkpoints.", fg="yellow")
        context.exit(ended.code)
    from attredit.cli.comparisons import print_comparisons

    print_comparisons(target)
    failed = sum(not result.finished for result in results)
    if failed:
        note(f"{failed} of {len(results)} cells failed; the same command tries them again.", fg="red")
        context.exit(1)


def _engine(name: str, jobs: int | None, options: Sequence[str], out: Path) -> Engine:
    from attredit.benchmark.engine import Local, Submitted
    from attredit.recipe import parse_overrides

    if name == "slurm":
        return Submitted(out / "slurm", jobs, parse_overrides(options))
    if options:
        raise UsageError("--slurm says how to use a cluster.", "Add --engine slurm.")
    return Local(jobs or 1)
