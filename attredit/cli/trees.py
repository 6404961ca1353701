"""Trees of one look: runs, plugins, recipes. Imported by commands that print one, so rich may load here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.tree import Tree

if TYPE_CHECKING:
    from attredit.recipe import Player, Recipe


def tree_of(title: str) -> Tree:
    """A tree with nothing below its title."""
    return Tree(f"[bold]{escape(title)}[/]", guide_style="dim")


def add_leaf(tree: Tree, name: str, value: str) -> None:
    """Add a name with its value."""
    tree.add(f"[cyan]{escape(name)}[/]  {escape(value)}")


def _plain(value: Any) -> str:
    """A number, or a schedule in words."""
    if isinstance(value, int | float):
        return f"{value:g}"
    length = f"over {value.steps} steps" if value.steps else "to the end"
    begin = f" from step {value.begin}" if value.begin else ""
    return f"{value.kind} {value.start:g} to {value.end:g}{begin} {length}"


def compact(options: Mapping[str, Any]) -> str:
    """Options in one line."""
    return ", ".join(f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in options.items())


def recipe_tree(recipe: Recipe, title: str = "Recipe") -> Tree:
    """A recipe's parts, its players with their weighted terms, and what else it says; its hash beside the title."""
    tree = tree_of(f"{title} {recipe.hash}")
    parts = tree.add("parts")
    for name, part in recipe.parts.items():
        add_leaf(parts, name, f"{part.use} {compact(part.options)}".strip())
    players = tree.add("players")
    for name, player in recipe.players.items():
        _add_player(players, name, player)
    for name in ("latent_dim", "style_dim", "predictor", "prior", "decode_with", "edit_from", "ema"):
        value = getattr(recipe, name)
        if value is not None:
            add_leaf(tree, name, str(value))
    return tree


def _add_player(tree: Tree, name: str, player: Player) -> None:
    optimizer = player.optimizer
    branch = tree.add(f"[bold]{name}[/] trains {', '.join(player.trains)}")
    add_leaf(branch, "optimizer", f"{optimizer.name}, lr {_plain(optimizer.lr)} {compact(optimizer.options)}".strip())
    if player.clip is not None:
        add_leaf(branch, "clip", f"{player.clip:g}")
    terms = branch.add("minimises")
    for key, term in player.terms.items():
        reach = f", only {', '.join(term.only)}" if term.only else ""
        reach += f", every {term.every} steps" if term.every > 1 else ""
        use = f", {term.use}" if term.use not in ("", f"core/{key}") else ""
        add_leaf(terms, key, f"{_plain(term.weight)}{use}{reach} {compact(term.options)}".strip())
