"""``attredit tune``: search values of a recipe's keys."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from attredit.cli.console import note, out, progress, say
from attredit.cli.options import output_option, plugin_words
from attredit.cli.tables import table
from attredit.cli.train import command as train_command, request_of

_OWN = ("method", "resume", "run_dir")


@click.command
@click.argument("method", metavar="METHOD")
@click.option("--over", multiple=True, required=True, metavar="KEY=RANGE", help="LOW..HIGH, LOW..HIGH:log, or A,B,...")
@click.option("--trials", type=click.IntRange(min=1), default=20, show_default=True, help="How many in all.")
@click.option("--metric", default="composite_edit_success", show_default=True, help="A figure of `attredit evaluate`.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Measure on so many validation images.")
@output_option("Where to write, or to go on. [default: runs/tune-METHOD]", "DIR")
def command(over: Any, trials: int, metric: str, limit: int | None, output: Path | None, **given: Any) -> None:
    """Search values of a recipe's keys: train, measure on the validation split, and try what looks better.

    All else is given as to `attredit train`. Stopped, the same command goes on.
    """
    request_fields = request_of({name: value for name, value in given.items() if value not in (None, (), False)})
    from attredit import tune
    from attredit.cli.watch import Watcher
    from attredit.request import Request

    request, spaces = Request.of(request_fields), tune.spaces_of(over)
    directory = output or Path("runs") / f"tune-{request.method_name}"
    study = tune.study_of(request, spaces, metric, limit, directory)

    def tell(number: int, values: Any) -> dict[str, Any]:
        note(
            f"Trial {number + 1} of {trials}: {', '.join(f'{key}={value}' for key, value in values.items())}", bold=True
        )
        watcher = Watcher()
        return {"observers": [watcher], "progress": watcher.prepared}

    tune.search(study, request, spaces, trials, directory, tell, partial(progress, unit=""))
    _show(study, spaces, directory)
    best = request.replaced(overrides={**request.overrides, **study.best_params})
    say(f"Plot: {tune.plot(study, spaces, directory)}")
    say(f"The best one: {tune.run_of(directory, study.best_trial.number)}; to train with its values:")
    say(f"  {shlex.join(['attredit', 'train', *best.words('log')])}{plugin_words()}")


command.params += [option for option in train_command.params if option.name not in _OWN]


def _show(study: Any, keys: Iterable[str], directory: Path) -> None:
    """A row for each trial: its values, what was searched for with its interval, and what says most beside it."""
    from attredit.report.figures import headline, rows
    from attredit.tune import measured

    metric, found = study.user_attrs["asked"]["metric"], measured(study, directory)
    beside = {row.name: row.arrow for one in found.values() for row in headline(one.metrics)}
    beside.pop(metric, None)
    made = table("trial", *keys, metric, "95 %", *(f"{name} {arrow}" for name, arrow in beside.items()))
    for trial in study.trials:
        figures = {row.name: row for row in rows(found[trial.number].metrics)} if trial.number in found else {}
        own = (figures[metric].value, figures[metric].interval) if figures else ("diverged", "")
        values = [
            f"{trial.params[key]:.4g}" if isinstance(trial.params[key], float) else str(trial.params[key])
            for key in keys
        ]
        best = "bold" if figures and trial.number == study.best_trial.number else None
        made.add_row(
            str(trial.number), *values, *own, *(figures[n].value if n in figures else "" for n in beside), style=best
        )
    out().print(made)
