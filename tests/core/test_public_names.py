"""No test, example or document needs a private name of the core or of a plugin that ships."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("attredit",)
PATCHING = {"setattr", "getattr", "delattr", "hasattr", "object"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and len(name) > 1


def is_allowed(node: ast.Attribute, call: ast.Call | None) -> bool:
    """Of the object itself, or of the standard library, where an underscore is no secret."""
    if isinstance(node.value, ast.Name) and (node.value.id in ("self", "cls") or ast.unparse(node) == "os._exit"):
        return True
    return node.attr == "_replace" and call is not None and not call.args  # a named tuple's


def private_names(code: str) -> Iterator[str]:
    """Private names that code imports, asks of anything but itself, or patches; also in scripts that it holds."""
    tree = ast.parse(code)
    calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith(OWN):
                yield from (a.name for a in names if is_private(a.name))
                yield from (part for part in module.split(".") if is_private(part))
            case ast.Import(names=names):
                yield from (a.name for a in names if a.name.startswith(OWN) and any(map(is_private, a.name.split("."))))
            case ast.Attribute(attr=attr) if is_private(attr) and not is_allowed(node, calls.get(node)):
                yield ast.unparse(node)
            case ast.Call(func=function, args=[_, ast.Constant(value=str(name)), *_]) if is_private(name):
                if ast.unparse(function).split(".")[-1] in PATCHING:
                    yield name
            case ast.Constant(value=str(text)) if re.search(r"\battredit\b", text):
                yield from re.findall(r"\battredit[\w.]*\._(?!_main__)\w*[a-z]\w*", text)
                if "\n" in text and "import" in text:
                    yield from scripted(text)


def scripted(text: str) -> Iterator[str]:
    """Those of a string, if it is a program."""
    try:
        ast.parse(text)
    except SyntaxError:
        return
    yield from private_names(text)


def programs() -> list[Path]:
    folders = ("tests", "examples", "benchmarks")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)]


@pytest.mark.parametrize("path", programs(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_program_needs_a_private_name(path: Path) -> None:
    assert list(private_names(path.read_text())) == []


def test_no_document_needs_a_private_name() -> None:
    blocks = [
        block
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for block in re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.M | re.S)
    ]
    assert len(blocks) >= 2
    for block in blocks:
        assert list(private_names(block)) == []


@pytest.mark.parametrize(
    "code, found",
    [
        ("from attredit.training.trainer import _share", ["_share"]),
        ("from attredit._secret import thing", ["_secret"]),
        ("import attredit._secret", ["attredit._secret"]),
        ("worker._resumable(run)", ["worker._resumable"]),
        ("monkeypatch.setattr(workers, '_cores', 1)", ["_cores"]),
        ("monkeypatch.setattr('attredit.training.trainer._share', 1)", ["attredit.training.trainer._share"]),
        ("files._replace(path, write)", ["files._replace"]),
        ("SCRIPT = '''\nimport attredit\nattredit.files._replace\n'''", ["attredit.files._replace"] * 2),
        ("from attredit import load\nself._own = os._exit(code._replace(x=1))", []),
        ("name = f'{a}_on'\nfrom other import _theirs", []),
    ],
)
def test_they_would_be_found(code: str, found: list[str]) -> None:
    assert list(private_names(code)) == found


# What is looked up by its file: commands, hooks, promises that every kind of component has, and where programs begin.
LOOKED_UP = re.compile(r"__dir__|command|register_\w+|main|shapes|gradients|determinism|save_and_load|recipes|silent")


def meanings(root: Path) -> dict[str, list[str]]:
    """Where each public class, function, and other name for a type is defined."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) if not is_private(name):
                    found.setdefault(name, []).append(path.relative_to(root).as_posix())
                case ast.Assign(targets=[ast.Name(id=name)]) if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name):
                    found.setdefault(name, []).append(path.relative_to(root).as_posix())
    return found


def test_a_name_of_the_core_means_one_thing() -> None:
    found = meanings(ROOT / "attredit")
    assert {"Recipe", "Code", "Progress", "AttributeSets", "train"} <= set(found)
    twice = {name: places for name, places in found.items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if not LOOKED_UP.fullmatch(name)} == {}


def test_a_second_meaning_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Job: ...\nclass _Own: ...\nMOST = 1\ndef f(): ...\n")
    (tmp_path / "b.py").write_text("Job = int\nclass _Own: ...\nMOST = 2\ndef f():\n    class Job: ...\n")
    assert meanings(tmp_path) == {"Job": ["a.py", "b.py"], "f": ["a.py", "b.py"]}
