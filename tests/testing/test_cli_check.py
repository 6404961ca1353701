"""`attredit plugins check`: a table, every failure, an exit code; progress on a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from attredit.testing import PROMISES

Install = Callable[..., str]


def check(*arguments: str) -> Result:
    from attredit.cli.group import cli

    return CliRunner().invoke(cli, ["plugins", "check", *arguments], prog_name="attredit")


def test_a_table_of_promises_by_component(install: Install) -> None:
    name = install(kinds="encoder decoder")
    result = check(name, "--only", "loads", "--only", "determinism")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if "passed" in line]
    assert [row[:3] for row in rows[:3]] == [
        ["loads", "plugin", name],
        ["determinism", "encoder", f"{name}/small"],
        ["decoder", f"{name}/small", "✓"],
    ]
    assert rows[0][-2:] == ["2", "components"]
    assert "3 passed." in result.stdout


def test_a_broken_promise_is_exit_code_1(install: Install) -> None:
    parts = {"self.latent_dim = latent_dim": "self.latent_dim = latent_dim\n        self.spare = nn.Linear(2, 2)"}
    name = install(parts=parts, kinds="encoder")
    result = check(name, "--only", "gradients")
    assert result.exit_code == 1
    for line in (
        f"gradients: encoder {name}/small failed",
        "expected: a gradient for every weight that requires one",
        "found:    none for spare.weight, spare.bias",
        "see:      docs/conformance.md#gradients",
    ):
        assert line in result.stdout
    assert "Error: 1 check failed, of the promises gradients." in result.stderr


def test_without_a_name_those_of_others_are_checked(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    name = install(kinds="metric")
    monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", f"{name},networks")
    assert f"Plugin {name}" in (told := check("--only", "loads").stdout)
    assert "Plugin networks" not in told


def test_without_others_all_but_the_core(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", "networks,fader")
    told = check("--only", "loads").stdout
    assert "Plugin networks" in told
    assert "Plugin fader" in told
    assert "Plugin core" not in told


def test_quick_starts_no_process(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    name = install(kinds="dataset")
    monkeypatch.setattr(subprocess, "Popen", None)
    result = check(name, "--quick")
    assert result.exit_code == 0, result.output
    assert not [promise.name for promise in PROMISES if not promise.quick and promise.name in result.stdout]


@pytest.mark.parametrize("arguments", [("nobody",), ("core", "--only", "nothing"), ("core", "--data-option", "x")])
def test_what_cannot_be_right_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert check(*arguments).exit_code == 2


def test_a_terminal_shows_what_is_checked_now(install: Install, monkeypatch: Any) -> None:
    from attredit.cli import plugins_check

    text = io.StringIO()
    monkeypatch.setattr(
        plugins_check, "err", lambda: Console(file=text, force_terminal=True, width=160, highlight=False)
    )
    parts = {"return Code(mean, logvar, attrs)": "return Code(mean, logvar, attrs.double())"}
    name = install(parts=parts, kinds="encoder")
    check(name, "--only", "loads", "--only", "shapes")
    told = text.getvalue()
    assert f"shapes: encoder {name}/small" in told
    assert "torch.float64 (4, 1)" in told
    assert "2/2" in told
