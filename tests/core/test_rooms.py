"""No two files import each other, however indirectly, and no two rooms; imports for types count, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports(file: Path) -> Iterator[str]:
    """Everything that a file names in an import, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def graph_of(root: Path) -> dict[str, set[str]]:
    """Which modules of the core each of them imports."""
    files = {}
    for path in (root / "attredit").rglob("*.py"):
        files[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        found = {module if module in files else module.rpartition(".")[0] for module in imports(path)}
        graph[name] = {module for module in found if module in files} - {name}
    return graph


def room(module: str) -> str:
    """The directory of the core that a module lies in, or the module itself at the root."""
    return ".".join(module.split(".")[:2])


def rooms_of(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which rooms each of them imports from."""
    rooms: dict[str, set[str]] = {}
    for module, imported in graph.items():
        rooms.setdefault(room(module), set()).update({room(other) for other in imported} - {room(module)})
    return rooms


def test_nothing_imports_itself_by_a_detour() -> None:
    graph = graph_of(ROOT)
    assert len(graph) > 100
    assert sum(map(len, graph.values())) > 500
    TopologicalSorter(graph).prepare()
    TopologicalSorter(rooms_of(graph)).prepare()


@pytest.mark.parametrize(
    "closing",
    [
        "from attredit.b.two import x",
        "def f():\n    import attredit.b.two",
        "if TYPE_CHECKING:\n    from attredit.b import two",
    ],
)
def test_a_circle_is_seen_whatever_import_closes_it(closing: str, tmp_path: Path) -> None:
    texts = {"a/one": closing, "b/two": "import attredit.b.three", "b/three": "from attredit.a.one import y"}
    for name, text in texts.items():
        file = tmp_path / "attredit" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    graph = graph_of(tmp_path)
    for each in (graph, rooms_of(graph)):
        with pytest.raises(CycleError):
            TopologicalSorter(each).prepare()


def test_the_core_imports_no_plugin() -> None:
    for path in (ROOT / "attredit").rglob("*.py"):
        assert not [module for module in imports(path) if module.startswith("attredit_")], path


def test_the_docs_show_every_room_below_those_it_imports_from() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = text.partition("## Rooms")[2].split("```")[1]
    lines = [[name.strip(" /") for name in line.split(",")] for line in block.strip().splitlines()]
    level = {f"attredit.{name}": i for i, line in enumerate(lines) for name in line}
    rooms = rooms_of(graph_of(ROOT))
    # Left out there: the package itself and `python -m`.
    shown = set(rooms) - {"attredit", "attredit.__main__"}
    assert set(level) == shown
    for name in shown:
        assert all(level[other] < level[name] for other in rooms[name] & shown), name
        assert re.search(rf"`(attredit/)?{name.split('.')[1]}[./]", text), name


def test_plugins_do_not_import_each_other() -> None:
    for path in (ROOT / "plugins").rglob("*.py"):
        own = path.relative_to(ROOT / "plugins").parts[0]
        for module in imports(path):
            first = module.split(".")[0]
            assert not first.startswith("attredit_") or first == own, f"{path} imports {module}"
