"""The reference pages say what the code says, and every hook has an example that loads."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import griffe
import pytest
from built import Page, Site
from click.testing import CliRunner
from pydantic import BaseModel

import attredit
from attredit import recipe
from attredit.cli.group import cli
from attredit.plugin.registry import KINDS, Registry, installed
from attredit.report import doctor

ROOT = Path(__file__).parents[2]
HOOKS = [f"register_{kind}s" for kind in KINDS]
SPECIFIED = griffe.load("attredit.plugin.hookspecs", search_paths=[ROOT])


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command's words after the program's name."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            _, below, _ = command.resolve_command(context, [name])
            assert below is not None
            yield from commands(below, (*path, name))


@pytest.mark.parametrize("words", list(commands()), ids=lambda words: " ".join(words) or "attredit")
def test_every_option_in_the_help_is_in_the_reference(words: tuple[str, ...], site: Site) -> None:
    printed = CliRunner().invoke(cli, [*words, "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"--[a-z][a-z-]*", printed))
    assert "--help" in options
    page = (site.path / "reference" / "commands.html").read_text()
    section = page.partition(f'<h{min(3, 2 + len(words)) + (len(words) > 1)} id="{"-".join(("attredit", *words))}"')[2]
    section = re.split(r"<h[2-4] ", section)[0]
    assert options <= set(re.findall(r"--[a-z][a-z-]*", Page(section).text))


def test_the_tables_of_the_command_line_name_options_that_exist() -> None:
    sections = re.split(r"^## ", (ROOT / "docs" / "cli.md").read_text(), flags=re.M)[1:]
    named = {s.split("\n")[0]: set(re.findall(r"^\| .*?\|", s, re.M)) for s in sections}
    found = 0
    for name, rows in named.items():
        if name in dict.fromkeys(words[0] for words in commands() if words):
            printed = CliRunner().invoke(cli, [name, "--help"], env={"COLUMNS": "200"}).output
            for option in re.findall(r"--[a-z][a-z-]*", " ".join(rows)):
                assert option in printed, (name, option)
                found += 1
    assert found > 20


def models() -> list[type[BaseModel]]:
    """What recipes are made of."""
    own = [v for name, v in vars(recipe).items() if isinstance(v, type) and name[0] != "_"]
    return [v for v in own if issubclass(v, BaseModel) and v.__module__ == recipe.__name__]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_of_a_recipe_is_in_the_reference(model: type[BaseModel], site: Site) -> None:
    page = (site.path / "reference" / "recipes.html").read_text()
    section = re.split(r"<h2 ", page.partition(f'<h2 id="{model.__name__.lower()}"')[2])[0]
    rows = [[Page(c).text for c in re.findall(r"<td>(.*?)</td>", row, re.S)] for row in section.split("<tr>")[2:]]
    assert [row[0] for row in rows] == list(model.model_fields)
    for row, field in zip(rows, model.model_fields.values(), strict=True):
        assert len(row[3]) > 10
        if isinstance(field.default, int | float) and field.default is not None:
            assert row[2] == str(field.default)
        assert (row[2] == "needed") == field.is_required()


@pytest.mark.parametrize("name", attredit.__all__)
def test_every_public_name_is_in_the_reference(name: str, site: Site) -> None:
    public = getattr(attredit, name)
    pages = [page for path, page in site.pages.items() if path.startswith(("reference/", "compatibility"))]
    if isinstance(public, type) or hasattr(public, "__code__"):
        assert any(f"{public.__module__}.{public.__qualname__}" in page.anchors for page in pages)
    else:
        assert any(re.search(rf"\b{name}\b", page.text) for page in pages)


# --- hooks ------------------------------------------------------------------------------------------------------------


def example_of(hook: str) -> str:
    """The code of a hook's example, as its docstring has it."""
    docstring = SPECIFIED[hook].docstring
    assert docstring is not None
    (example,) = [
        s.value.contents for s in docstring.parse("google") if s.kind is griffe.DocstringSectionKind.admonition
    ]
    (code,) = re.findall(r"```python\n(.*)```", example, re.S)
    return str(code)


def test_hooks_are_those_that_are_called() -> None:
    assert [name for name in SPECIFIED.functions if name.startswith("register_")] == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_an_example_that_loads(
    hook: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = site.pages["reference/hooks.html"]
    code = example_of(hook)
    assert f"attredit.plugin.hookspecs.{hook}" in page.anchors
    assert " ".join(code.split()) in page.text
    assert f"| `{hook}` |" in (ROOT / "docs" / "reference" / "hooks.md").read_text()
    module: Any = ModuleType("documented_plugin")
    exec(f"from attredit import hookimpl\nattredit_api = 1\n{code}", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    registry = Registry()
    assert not registry.add(EntryPoint("documented", module.__name__, "attredit")).error
    (component,) = registry.components(hook.removeprefix("register_").removesuffix("s"))
    assert component.summary


def implemented(path: Path) -> set[str]:
    """Hooks that a file implements."""
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return {f.name for f in functions if any(ast.unparse(d).startswith("hookimpl") for d in f.decorator_list)}


def test_every_hook_is_implemented_by_a_plugin_or_an_example_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, files = Registry(), [p for p in sorted((ROOT / "examples").rglob("*.py")) if implemented(p)]
    for path in files:
        package = path.name == "__init__.py"
        monkeypatch.syspath_prepend(path.parents[1] if package else path.parent)
        module = path.parent.name if package else path.stem
        info = registry.add(EntryPoint(module, module, "attredit"))
        assert not info.error, path
        assert {f"register_{component.kind}s" for component in info.components} == implemented(path)
        sys.modules.pop(module)  # other tests load the same file under the same name
    kinds = {kind for kind in KINDS for found in (registry, installed()) if found.components(kind)}
    assert kinds == set(KINDS)


# --- findings ---------------------------------------------------------------------------------------------------------

THRESHOLDS = {
    "runaway KL": [doctor.RUNAWAY],
    "latent collapse": [doctor.COLLAPSED],
    "a discriminator that won": [doctor.WON],
    "a saturated auxiliary network": [doctor.SATURATED],
    "ignored attributes": [doctor.IGNORED_SUM, doctor.LEAKING],
    "edits that do nothing": [],
    "a wrong attribute moved": [doctor.MOVED],
}


@pytest.mark.parametrize("name", doctor.NAMES)
def test_every_finding_is_explained_with_its_thresholds(name: str) -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert len(section.split()) > 30
    for threshold in THRESHOLDS[name]:
        assert re.search(rf"(?<![\d.]){re.escape(f'{threshold:g}'.removeprefix('0'))}(?!\d)", section), threshold
