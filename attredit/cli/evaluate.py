"""``attredit evaluate``: measure a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import out, progress, say
from attredit.cli.options import data_dir_option, data_options, device_option, nested, require_dataset, run_argument
from attredit.cli.tables import figures_table

if TYPE_CHECKING:
    from attredit.evaluation.result import Evaluation


@click.command
@run_argument
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Which images to measure on.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only so many of them.")
@click.option("--full", is_flag=True, help="Also identity, with a network trained once for a data set; FID; ten edits.")
@click.option("--dataset", metavar="NAME", help="Measure on this data set, or NAME:ARGUMENT, instead of the run's own.")
@data_dir_option("Where that data set lies; or where the run's own data lie now.")
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print evaluation.json on stdout, and nothing else.")
@device_option
def command(
    run: Path, dataset: str | None, data_dir: str | None, data_options: Sequence[str], as_json: bool, **how: Any
) -> None:
    """Measure a run, with 95 % intervals: fidelity, editing, counterfactuals, realism, identity, leakage.

    The figures are also written to RUN/evaluation.json and into its model card; those of another data set to a file of
    their own, RUN/evaluation-NAME.json.
    """
    from attredit.runs.directory import RunDirectory

    require_dataset(dataset, data_options)
    directory = RunDirectory(run)
    directory.config()  # an error about the run comes before the imports that take seconds
    from attredit.evaluation.elsewhere import Elsewhere
    from attredit.evaluation.result import file_of
    from attredit.launch import evaluate

    where: dict[str, Any] = {"data_dir": data_dir}
    if dataset is not None:
        where = {"elsewhere": Elsewhere(dataset, data_dir, nested(data_options))}
    with progress(unit="") as report:
        found = evaluate(run, progress=report, **where, **how)
    if as_json:
        say(json.dumps(found.to_json(), indent=2))
    else:
        _print(found, directory.path, file_of(directory, found.label))


def _print(evaluation: Evaluation, run: Path, file: Path) -> None:
    from attredit.report.figures import measured_on, missing, moved_most

    console = out()
    title = f"{run}: {measured_on(evaluation)}"
    console.print(figures_table(evaluation.metrics, title=title, names=console.width >= 120))
    if len(evaluation.attributes) > 1:
        for name, figures in evaluation.attributes.items():
            console.print(figures_table(figures, title=name, names=console.width >= 120))
    for edited, others in moved_most(evaluation.off_target_matrix):
        say(f"Edits of {edited} move the judge’s probability of: {others}")
    for names, reason in missing(evaluation.not_measured):
        say(f"Not measured: {names}: {reason}", dim=True)
    say("↑ higher is better, ↓ lower is better; intervals are of 95 %.", dim=True)
    say(f"Figures: {file}")
