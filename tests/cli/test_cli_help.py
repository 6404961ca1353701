"""Help and listings: complete, quick, and without torch."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from attredit.cli.group import SUMMARIES
from attredit.errors import PluginError

HEAVY = ("torch", "datasets", "matplotlib", "numpy", "pydantic")
PROBE = f"""
import json, sys
from attredit.cli.group import cli
commands = [[name, "--help"] for name in sys.argv[2:]] if sys.argv[1] == "each" else [sys.argv[1:]]
for command in commands:
    try:
        cli.main(command, prog_name="attredit")
    except SystemExit as leaving:
        assert not leaving.code, leaving.code
sys.stderr.write(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))
"""

# The aim is 0.5 seconds; three times that leaves room for a busy machine.
BUDGET = 1.5


@pytest.mark.parametrize("command", ["--help", "plugins", "methods", "datasets"])
def test_looking_around_is_quick_and_loads_nothing_heavy(command: str) -> None:
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", PROBE, command], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - started)
        assert json.loads(done.stderr) == []
        if seconds[-1] < BUDGET:
            break
    assert min(seconds) < BUDGET


def test_help_of_every_command_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, "each", *SUMMARIES], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr) == []
    assert done.stdout.count("Usage: attredit") == len(SUMMARIES)


def test_help_lists_every_command_and_each_has_its_file(attredit: Any) -> None:
    text = attredit("--help").stdout
    for name, summary in SUMMARIES.items():
        assert name in text
        assert summary.rstrip(".") in text
        assert importlib.import_module(f"attredit.cli.{name}").command.help


def test_one_thing_is_asked_for_by_one_option_and_has_one_default() -> None:
    asked = [option for name in SUMMARIES for option in importlib.import_module(f"attredit.cli.{name}").command.params]
    flags = {flag for option in asked for flag in option.opts}
    assert {"--device", "--output", "-o"} <= flags
    assert not {"--out", "--dir", "--gpu"} & flags
    assert len({option.help for option in asked if "--device" in option.opts}) == 1
    assert all("-o" in option.opts for option in asked if "--output" in option.opts)


def test_module_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "attredit", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("attredit, version ")


def test_listings_name_what_is_installed(attredit: Any) -> None:
    methods, datasets, plugins = (attredit(c).stdout for c in ("methods", "datasets", "plugins"))
    assert "ifcvaegan" in methods
    assert "reference" in methods
    assert "synthfaces" in datasets
    assert "6 factorizers, 2 methods" in plugins
    assert "broken" not in plugins


def test_a_broken_plugin_is_listed_with_its_error(attredit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit.plugin import registry

    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    found = registry.Registry()
    found.add(EntryPoint("faulty", "no_such_module_anywhere", "attredit"))
    for module in ("plugins", "plugins_show"):
        monkeypatch.setattr(f"attredit.cli.{module}.installed", lambda: found)
    listed = attredit("plugins")
    assert listed.exit_code == 0
    assert "broken: ModuleNotFoundError: No module named 'no_such_module_anywhere'" in listed.stdout
    assert "Traceback" in attredit("plugins", "show", "faulty", "--traceback").stdout


def test_traceback_of_an_unknown_or_working_plugin_is_a_usage_error(attredit: Any) -> None:
    unknown, working = (attredit("plugins", "show", name, "--traceback") for name in ("ifcvaegn", "core"))
    assert (unknown.exit_code, working.exit_code) == (2, 2)
    assert "Did you mean ifcvaegan?" in unknown.stderr
    assert "works" in working.stderr


def test_wrong_commands_and_options_leave_with_2_and_one_line(attredit: Any) -> None:
    for arguments in (["trian"], ["--nonsense"], ["train", "--nonsense"], ["train", "--steps", "0"], ["edit"]):
        result = attredit(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.startswith("Error: "), arguments
        assert result.stderr.count("\n") == 1, arguments
        assert "--help" in result.stderr, arguments
    assert "Did you mean train?" in attredit("trian").stderr


def test_errors_show_a_traceback_only_with_debug(attredit: Any) -> None:
    assert "Traceback" not in attredit("show", "nowhere").stderr
    assert "Traceback" in attredit("--debug", "show", "nowhere").stderr
    assert "Traceback" in attredit("show", "nowhere", ATTREDIT_DEBUG="1").stderr


def test_a_bug_says_that_it_is_one(attredit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("attredit.cli.methods.installed", fail)
    result = attredit("methods")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ZeroDivisionError: division by zero This is a bug")
    assert result.stderr.count("\n") == 1


def test_a_process_that_was_left_alone_blames_nobody(attredit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:25")

    monkeypatch.setattr("attredit.cli.methods.installed", fail)
    result = attredit("methods", RANK="0", WORLD_SIZE="2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Another process of this launch ended")
    assert "a bug" in attredit("methods").stderr  # there is no other process


def test_other_processes_of_a_launch_are_silent_and_speak_late(attredit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("attredit.cli.group.time.sleep", waited.append)

    def fail() -> None:
        raise PluginError("only here")

    monkeypatch.setattr("attredit.cli.methods.installed", fail)
    assert attredit("methods", RANK="0", WORLD_SIZE="2").stderr == "Error: only here\n"
    assert not waited
    # Time for the launcher to end this process, if the main one failed as well; then its error is heard.
    assert attredit("methods", RANK="1", WORLD_SIZE="2").stderr == "Error: only here\n"
    assert len(waited) == 1
    assert waited[0] > 1
