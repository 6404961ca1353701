"""``attredit evaluate``: measure a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from attredit.cli.console import out, progress, say
from attredit.cli.options import device_option, run_argument


@click.command
@run_argument
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Which images to measure on.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only so many of them.")
@click.option("--full", is_flag=True, help="Also identity, with a network trained once for a data set; and FID.")
@click.option("--json", "as_json", is_flag=True, help="Print evaluation.json on stdout, and nothing else.")
@device_option("the best there is")
def command(run: Path, split: str, limit: int | None, full: bool, as_json: bool, device: str | None) -> None:
    """Measure a run, with 95 % intervals: fidelity, editing, counterfactuals, realism, identity, leakage.

    The figures are also written to RUN/evaluation.json and into its model card.
    """
    from attredit.report.card import write_card
    from attredit.runs.directory import RunDirectory

    directory = RunDirectory(run)
    config = directory.config()  # an error about the run comes before the imports that take seconds
    from attredit.evaluation import evaluate

    with progress(unit="") as report:
        evaluation = evaluate(run, split=split, limit=limit, full=full, device=device, progress=report).to_json()
    write_card(directory, config)
    if as_json:
        say(json.dumps(evaluation, indent=2))
    else:
        _print(evaluation, directory.path)


def _print(evaluation: Mapping[str, Any], run: Path) -> None:
    from attredit.cli.tables import figures_table
    from attredit.report.figures import missing, moved_most

    console = out()
    title = f"{run}: {evaluation['images']:,} images of the {evaluation['split']} split"
    console.print(figures_table(evaluation["metrics"], title=title, names=console.width >= 120))
    attributes = evaluation.get("attributes", {})
    if len(attributes) > 1:
        for name, figures in attributes.items():
            console.print(figures_table(figures, title=name, names=console.width >= 120))
    for edited, others in moved_most(evaluation):
        say(f"Edits of {edited} move the judge’s probability of: {others}")
    for names, reason in missing(evaluation):
        say(f"Not measured: {names}: {reason}", dim=True)
    say("↑ higher is better, ↓ lower is better; intervals are of 95 %.", dim=True)
    say(f"Figures: {run / 'evaluation.json'}")
