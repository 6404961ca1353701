"""`attredit plugins new`: what it refuses, what it writes, and that it writes all or nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from attredit.errors import RunError, UsageError
from attredit.plugin.registry import installed
from attredit.scaffold import KINDS, Distribution, checked_name, distribution

ROOT = Path(__file__).parents[2]
LONGEST = "a" * distribution.LONGEST
PROBE = """
import sys
from attredit.cli.group import cli
try:
    cli.main(sys.argv[1:], prog_name="attredit")
finally:
    sys.stderr.write(str([m for m in ("torch", "datasets", "numpy", "pydantic") if m in sys.modules]))
"""


@pytest.mark.parametrize("name", ["hsic", "my-method", "x", "a1-b2", "lambda", LONGEST])
def test_a_good_name_is_taken(name: str) -> None:
    assert checked_name(name, installed()) == name
    new = Distribution(name, "method")
    assert (new.title, new.package) == (f"attredit-{name}", f"attredit_{name.replace('-', '_')}")


@pytest.mark.parametrize(
    "name, advice",
    [
        ("My_Method", "the first a letter, such as my-method."),
        ("attredit-hsic", "the first a letter, such as hsic."),
        ("attredit-3d", "the first a letter, such as d."),
        ("hsic/../..", "the first a letter, such as hsic."),
        ("3d-faces", "the first a letter, such as d-faces."),
        ("two--dashes-", "the first a letter, such as two-dashes."),
        ("", "the first a letter."),
        ("é", "the first a letter."),
        ("-", "the first a letter."),
        ("good\n", "the first a letter, such as good."),
        (LONGEST + "a", "at most 30."),
    ],
)
def test_a_bad_name_is_refused_and_a_good_one_suggested(name: str, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked_name(name, installed())
    assert str(refused.value).endswith(advice)
    for suggested in re.findall(r"such as (\S+)\.$", advice):
        assert checked_name(suggested, installed())


@pytest.mark.parametrize(
    "name, told",
    [
        ("ifcvaegan", "There is a plugin 'ifcvaegan' already, from attredit."),
        ("core", "There is a plugin 'core' already, from attredit."),
        ("mmd", "'mmd' is a factorizer of plugin ifcvaegan."),
        ("kl", "'kl' is a term of plugin core."),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        checked_name(name, installed())


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_a_kind(kind: str) -> None:
    new = Distribution("my-own", kind)
    files = new.files
    expected = {
        "pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "attredit_my_own/__init__.py",
        "attredit_my_own/py.typed", "tests/test_conformance.py",
    }  # fmt: skip
    assert expected < set(files)
    modules = {path: text for path, text in files.items() if path.startswith("attredit_my_own/")}
    assert len(modules) > 2
    for path, text in modules.items():
        assert text.count("\n") < 60, path
    listed = set(re.findall(r"^\s*(?:from|import) (\w+)", files["attredit_my_own/__init__.py"], re.M))
    assert listed == {"__future__", "attredit", "typing"}  # what listing plugins imports
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["entry-points"] == {"attredit": {"my-own": "attredit_my_own"}}
    assert "license" not in project["project"]
    assert new.commands
    for command in ("python -m pytest", "attredit plugins check my-own", *new.commands):
        assert f"\n    {command}\n" in files["README.md"]
    steps = yaml.safe_load(files[".github/workflows/test.yml"])["jobs"]["test"]["steps"]
    assert steps[1]["with"] == {"python-version": "${{ matrix.python-version }}"}
    assert [s["run"] for s in steps[-5:]] == [
        'pip install -e ".[dev]"', "ruff check .", "ruff format --check .", "mypy", "python -m pytest",
    ]  # fmt: skip


def test_kinds_are_the_folders_of_templates_and_what_the_docs_list() -> None:
    folders = {path.name for path in (ROOT / "attredit" / "scaffold" / "templates").iterdir()}
    assert folders == {"common", *KINDS}
    section = (ROOT / "docs" / "cli.md").read_text().partition("\n## plugins new\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(KINDS)


def test_what_is_written_is_well_formatted_whatever_its_name(tmp_path: Path) -> None:
    for kind in KINDS:
        for name in ("x", LONGEST):
            Distribution(name, kind).write(tmp_path / f"{kind}-{len(name)}")
    for arguments in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_what_is_written_has_types(tmp_path: Path) -> None:
    packages = []
    for kind in KINDS:
        new = Distribution(f"typed-{kind}", kind)
        new.write(tmp_path / kind)
        packages.append(tmp_path / kind / new.package)
    # With the project's settings and cache, so that torch has not to be read again after `make check`.
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(str(package.parent) for package in packages)}
    mypy = [sys.executable, "-m", "mypy", "--strict", *map(str, packages)]
    done = subprocess.run(mypy, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def contents(directory: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(directory)): p.read_bytes() if p.is_file() else None for p in directory.rglob("*")}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    for place in ("folder", "file", "link"):
        with pytest.raises(UsageError, match=rf"{place}\b.* -o\b"):
            Distribution("mine", "term").write(tmp_path / place)
    with pytest.raises(UsageError, match=r"There is no directory .*missing\."):
        Distribution("mine", "term").write(tmp_path / "missing" / "new")
    assert contents(tmp_path) == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("at", [1, 4, len(Distribution("mine", "term").files)])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    calls, write = [], Path.write_text

    def failing(self: Path, text: str, *more: Any, **options: Any) -> int:
        calls.append(self)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        return write(self, text, *more, **options)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(RunError, match=r"Cannot write .*new: No space left on device\."):
        Distribution("mine", "term").write(tmp_path / "new")
    assert len(calls) == at
    assert contents(tmp_path) == {}


def test_what_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        target.mkdir()
        (target / "theirs").write_text("kept")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(RunError, match=r"Cannot write .*new: "):
        Distribution("mine", "term").write(tmp_path / "new")
    assert contents(tmp_path) == {"new": None, "new/theirs": b"kept"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_refuses(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"Cannot write .*new: Permission denied"):
        Distribution("mine", "term").write(tmp_path / "new")
    tmp_path.chmod(0o700)


def command(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROBE, *arguments], cwd=place, capture_output=True, text=True)


def test_the_command_says_what_to_type_next_and_loads_nothing_heavy(tmp_path: Path) -> None:
    done = command(tmp_path, "plugins", "new", "my-own", "--kind", "factorizer")
    assert (done.returncode, json.loads(done.stderr)) == (0, [])
    lines = done.stdout.splitlines()
    assert lines[0] == "Plugin my-own: attredit-my-own"
    made = {path for path, data in contents(tmp_path / "attredit-my-own").items() if data is not None}
    assert (
        {line.strip() for line in lines[1 : lines.index("Next:")]}
        == made
        == set(Distribution("my-own", "factorizer").files)
    )
    assert lines[lines.index("Next:") + 1 :] == [
        "  cd attredit-my-own",
        '  pip install -e ".[dev]"',
        "  python -m pytest",
        "  attredit plugins check my-own",
        "  attredit train --method my-own --attr Smiling",
        "  attredit train --attr Smiling --set parts.factorizer.use=my-own",
        "  attredit benchmark --methods naive-cvaegan,ifcvaegan,my-own",
    ]


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    for arguments, told in (
        (["My", "--kind", "term"], "A plugin cannot be called 'My'."),
        (["my", "--kind", "factoriser"], "'factoriser' is not one of 'factorizer', 'method'"),
        (["my"], "Missing option '--kind'"),
        (["my", "--kind", "term", "-o", "."], ". exists already."),
    ):
        done = command(tmp_path, "plugins", "new", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("Error: ")
        assert told in done.stderr.splitlines()[0]
    assert contents(tmp_path) == {}
