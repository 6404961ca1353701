"""``attredit show``: tell what a run is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.filesize import decimal

from attredit.cli.console import out
from attredit.cli.options import run_argument
from attredit.cli.tables import figures_table
from attredit.cli.trees import add_leaf, compact, recipe_tree, tree_of

if TYPE_CHECKING:
    from rich.tree import Tree

    from attredit.runs.config import RunConfig
    from attredit.runs.directory import RunDirectory


@click.command
@run_argument
def command(run: Path) -> None:
    """Tell what a run is: method, data, attributes, how far it got, its recipe, its figures, its files."""
    from attredit.runs.directory import RunDirectory

    directory = RunDirectory(run)
    config = directory.config()
    console = out()
    console.print(_facts(directory, config))
    console.print(recipe_tree(config.recipe))
    _print_evaluation(directory)
    console.print(_files(directory))


def _facts(run: RunDirectory, config: RunConfig) -> Tree:
    tree = tree_of(str(run.path))
    asked, data = config.request, config.data
    options = f", {compact(asked.data_options)}" if asked.data_options else ""
    lines = run.metrics()
    reached = lines[-1]["step"] if lines else 0
    finer = run.sharpened()
    facts = {
        "method": f"{asked.method_name}, preset {asked.preset}",
        "data": f"{asked.dataset_name}, {data.images:,} images of {config.image_size}x{config.image_size}{options}",
        "from": asked.data_dir or "",
        "seen": f"crop {asked.crop}{''.join(f', augmented: {kind}' for kind in asked.augment)}",
        "attributes": ", ".join(config.schema_.names),
        "prevalence": "; ".join(config.prevalences),
        "balanced on": ", ".join(asked.balance),
        "steps": f"{reached:,} of {config.steps:,}, {config.batch_size} images each",
        "seed": f"{asked.seed}, {asked.precision}",
        "edits drawn in": f"{finer['detail'] * config.image_size} pixels, learnt from {finer['images']:,} pictures of "
        f"{finer['data']}"
        if finer
        else "",
        "plugin files": ", ".join(config.plugin_files),
        "made with": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
    }
    for name, value in facts.items():
        if value:
            add_leaf(tree, name, value)
    if lines:
        losses = tree.add(f"losses at step {reached:,}, before weighting")
        for name, value in lines[-1].items():
            if "/" in name:
                add_leaf(losses, name, f"{value:.4g}")
    return tree


def _print_evaluation(run: RunDirectory) -> None:
    from attredit.evaluation.result import Evaluation
    from attredit.report.figures import measured_on

    own = Evaluation.of_now(run)
    for evaluation in [*([] if own is None else [own]), *Evaluation.elsewhere(run)]:
        title = f"Evaluation on {measured_on(evaluation)}"
        out().print(figures_table(evaluation.metrics, title=title, names=out().width >= 120))


def _files(run: RunDirectory) -> Tree:
    tree = tree_of("Files")
    for path in sorted(p for p in run.path.rglob("*") if p.is_file()):
        add_leaf(tree, str(path.relative_to(run.path)), decimal(path.stat().st_size))
    return tree
