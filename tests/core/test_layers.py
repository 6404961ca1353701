"""A module may import only from its own layer and those below it; the core never imports a plugin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = [
    {"errors", "hookspecs", ""},
    {"attributes", "recipe", "registry", "loading", "discovery", "isolation", "plugin_files", "builtin"},
    {
        "interfaces",
        "losses",
        "view",
        "rows",
        "images",
        "faces",
        "data",
        "composite",
        "devices",
        "processes",
        "files",
        "toolkit",
    },
    {"build", "checkpoint", "observer", "scaffold"},
    {"health", "trainer", "editor"},
    {"launch", "card"},
    {"evaluation", "report", "inspection", "doctor"},
    {"benchmark"},
    {"testing"},
    {"cli", "__main__"},
]
LEVEL = {name: i for i, layer in enumerate(LAYERS) for name in layer}


def imports(tree: ast.AST) -> Iterator[str]:
    """Modules imported when the file is: those for annotations, inside functions, do not run at import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif not isinstance(node, ast.FunctionDef):
            yield from imports(node)


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_imports_go_down() -> None:
    seen = 0
    for path in (ROOT / "attredit").rglob("*.py"):
        own = path.relative_to(ROOT / "attredit").with_suffix("").parts[0]
        if own == "__init__":
            continue
        for module in imports(ast.parse(path.read_text())):
            if module.split(".")[0].startswith("attredit_"):
                raise AssertionError(f"{path} imports a plugin: {module}")
            if module.split(".")[0] == "attredit":
                seen += 1
                assert LEVEL[layer_of(module)] <= LEVEL[own], f"{path} imports {module}, which is above it"
    assert seen > 50


def test_the_docs_show_the_same_layers() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = text.partition("## Layers")[2].split("```")[1]
    shown = [{name.strip(" /") for name in line.split(",")} for line in block.strip().splitlines()]
    # Left out there: the package itself, the core's own registrations, and `python -m`.
    assert shown == [layer - {"", "builtin", "__main__"} for layer in LAYERS]
    for layer in shown:
        assert all(re.search(rf"`(attredit/)?{name}[./]", text) for name in layer)


def test_plugins_do_not_import_each_other() -> None:
    for path in (ROOT / "plugins").rglob("*.py"):
        own = path.relative_to(ROOT / "plugins").parts[0]
        for module in imports(ast.parse(path.read_text())):
            first = module.split(".")[0]
            assert not first.startswith("attredit_") or first == own, f"{path} imports {module}"
