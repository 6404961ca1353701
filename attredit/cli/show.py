"""``attredit show``: tell what a run is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import out
from attredit.cli.options import run_argument

if TYPE_CHECKING:
    from rich.tree import Tree

    from attredit.checkpoint import RunConfig, RunDirectory
    from attredit.recipe import Player, Recipe


@click.command
@run_argument
def command(run: Path) -> None:
    """Tell what a run is: method, data, attributes, how far it got, its recipe, its figures, its files."""
    from attredit.checkpoint import RunDirectory

    directory = RunDirectory(run)
    config = directory.config()
    console = out()
    console.print(_facts(directory, config))
    console.print(_recipe(config.recipe))
    _print_evaluation(directory)
    console.print(_files(directory))


def _facts(run: RunDirectory, config: RunConfig) -> Tree:
    tree = _tree(str(run.path))
    data = config.data
    options = f", {_compact(data.options)}" if data.options else ""
    lines = run.metrics()
    reached = lines[-1]["step"] if lines else 0
    facts = {
        "method": f"{config.method}, preset {config.preset}",
        "data": f"{data.name}, {data.images:,} images of {config.image_size}x{config.image_size}{options}",
        "from": data.directory or "",
        "attributes": ", ".join(config.schema_.names),
        "steps": f"{reached:,} of {config.steps:,}, {config.batch_size} images each",
        "seed": f"{config.seed}, {config.precision}",
        "made with": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
    }
    for name, value in facts.items():
        if value:
            _leaf(tree, name, value)
    if lines:
        losses = tree.add(f"losses at step {reached:,}, before weighting")
        for name, value in lines[-1].items():
            if "/" in name:
                _leaf(losses, name, f"{value:.4g}")
    return tree


def _recipe(recipe: Recipe) -> Tree:
    tree = _tree(f"Recipe {recipe.hash}")
    parts = tree.add("parts")
    for name, part in recipe.parts.items():
        _leaf(parts, name, f"{part.use} {_compact(part.options)}".strip())
    players = tree.add("players")
    for name, player in recipe.players.items():
        _add_player(players, name, player)
    for name in ("latent_dim", "predictor", "prior", "decode_with", "edit_from", "ema"):
        value = getattr(recipe, name)
        if value is not None:
            _leaf(tree, name, str(value))
    return tree


def _add_player(tree: Tree, name: str, player: Player) -> None:
    optimizer = player.optimizer
    branch = tree.add(f"[bold]{name}[/] trains {', '.join(player.trains)}")
    _leaf(branch, "optimizer", f"{optimizer.name}, lr {_plain(optimizer.lr)} {_compact(optimizer.options)}".strip())
    if player.clip is not None:
        _leaf(branch, "clip", f"{player.clip:g}")
    terms = branch.add("minimises")
    for key, term in player.terms.items():
        reach = f", only {', '.join(term.only)}" if term.only else ""
        reach += f", every {term.every} steps" if term.every > 1 else ""
        use = f", {term.use}" if term.use else ""
        _leaf(terms, key, f"{_plain(term.weight)}{use}{reach} {_compact(term.options)}".strip())


def _print_evaluation(run: RunDirectory) -> None:
    from attredit.cli.tables import figures_table
    from attredit.report.figures import read_evaluation

    evaluation = read_evaluation(run)
    if evaluation is not None:
        title = f"Evaluation on {evaluation['images']:,} images of the {evaluation['split']} split"
        out().print(figures_table(evaluation["metrics"], title=title, names=out().width >= 120))


def _files(run: RunDirectory) -> Tree:
    tree = _tree("Files")
    for path in sorted(p for p in run.path.rglob("*") if p.is_file()):
        _leaf(tree, str(path.relative_to(run.path)), _size(path.stat().st_size))
    return tree


def _tree(title: str) -> Tree:
    from rich.markup import escape
    from rich.tree import Tree

    return Tree(f"[bold]{escape(title)}[/]", guide_style="dim")


def _leaf(tree: Tree, name: str, value: str) -> None:
    from rich.markup import escape

    tree.add(f"[cyan]{escape(name)}[/]  {escape(value)}")


def _plain(value: Any) -> str:
    """A number, or a schedule in words."""
    if isinstance(value, int | float):
        return f"{value:g}"
    length = f"over {value.steps} steps" if value.steps else "to the end"
    begin = f" from step {value.begin}" if value.begin else ""
    return f"{value.kind} {value.start:g} to {value.end:g}{begin} {length}"


def _compact(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in options.items())


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
