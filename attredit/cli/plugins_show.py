"""``attredit plugins show``: one plugin."""

from __future__ import annotations

import importlib.metadata

import rich_click as click
from rich.tree import Tree

from attredit.cli.console import out, say
from attredit.cli.plugins import state_of
from attredit.cli.trees import add_leaf, recipe_tree, tree_of
from attredit.errors import AttrEditError, UsageError, nearest
from attredit.plugin.registry import Component, PluginInfo, Registry, installed

# Labels of a distribution's links that are of its documentation, the likeliest first; compared in lower case.
_DOCUMENTATION = ("documentation", "docs", "homepage", "home", "repository", "source")


@click.command
@click.argument("name")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of a broken plugin.")
def command(name: str, traceback: bool) -> None:
    """Tell what a plugin registers, or why it is broken."""
    registry = installed()
    for plugin in _named(name, registry):
        if traceback and not plugin.error:
            raise UsageError(f"Plugin {name} works: it has no traceback.")
        out().print(_tree(plugin, registry))
        if traceback:
            say(plugin.traceback.rstrip())


def _named(name: str, registry: Registry) -> list[PluginInfo]:
    """Plugins of that name: of two, the second is broken.

    Raises:
        UsageError: there is none.
    """
    found = [plugin for plugin in registry.plugins if plugin.name == name]
    if not found:
        known = {plugin.name for plugin in registry.plugins}
        raise UsageError(f"Unknown plugin {name!r}.", nearest(name, known) + registry.not_looked_into)
    return found


def _tree(plugin: PluginInfo, registry: Registry) -> Tree:
    tree = tree_of(plugin.name)
    facts = {
        "file" if plugin.is_file else "distribution": plugin.distribution,
        "version": plugin.version,
        "API": "" if plugin.api is None else str(plugin.api),
        "docs": _documentation(plugin),
        "import": f"{plugin.milliseconds:.0f} ms",
    }
    for name, value in facts.items():
        if value:
            add_leaf(tree, name, value)
    tree.add(f"[cyan]state[/]  {state_of(plugin)}")
    for kind in dict.fromkeys(component.kind for component in plugin.components):
        branch = tree.add(f"[bold]{kind}s[/]")
        for component in plugin.components:
            if component.kind == kind:
                _add(branch, component, registry)
    return tree


def _add(branch: Tree, component: Component, registry: Registry) -> None:
    add_leaf(branch, component.name, component.summary)
    below = branch.children[-1]
    if component.needs:
        add_leaf(below, "needs", ", ".join(component.needs))
    if component.kind == "method":
        from attredit.recipe import presets_of, resolve

        for preset in presets_of(component):
            try:
                below.children.append(recipe_tree(resolve(registry, component.id, preset), f"preset {preset}, recipe"))
            except AttrEditError as error:
                add_leaf(below, f"preset {preset}", f"cannot be made: {error}")


def _documentation(plugin: PluginInfo) -> str:
    """The link to its documentation that its distribution gives, if it gives any."""
    if plugin.is_file or not plugin.version:
        return ""
    given = importlib.metadata.metadata(plugin.distribution).get_all("Project-URL") or []
    links = {label.strip().lower(): url.strip() for label, _, url in (entry.partition(",") for entry in given)}
    return next((links[label] for label in _DOCUMENTATION if label in links), "")
