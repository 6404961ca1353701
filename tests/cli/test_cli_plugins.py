"""``--plugin FILE`` on every command, ``plugins`` and ``plugins show``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attredit.cli.group import SUMMARIES
from attredit.cli.plugins import SUMMARIES as BELOW
from attredit.plugin import registry

TEXT = """
from attredit import Recipe, hookimpl

attredit_api = 1


@hookimpl
def register_methods(register):
    register("mine", "my_method:recipe", summary="Naive, and told.", presets={"broken": "my_method:nothing"})


recipe = Recipe(extends="naive-cvaegan")
"""
CHATTY = "import os\nprint('one')\nos.write(1, b'two')\nos.system('echo three')\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_method.py").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("command", [[name] for name in SUMMARIES] + [["plugins", name] for name in BELOW])
def test_every_command_takes_a_file(attredit: Any, here: Path, command: list[str]) -> None:
    assert "--plugin" in attredit(*command, "--help").stdout
    result = attredit(*command, "--plugin", "nowhere.py")
    assert result.exit_code == 2
    assert result.stderr == f"Error: There is no plugin file {here / 'nowhere.py'}.\n"


def test_a_file_is_used_by_the_commands_that_name_it_and_by_no_other(attredit: Any, here: Path) -> None:
    assert "mine" in attredit("methods", "--plugin", "my_method.py").stdout
    assert "mine" not in attredit("methods").stdout
    assert "my_method" not in sys.modules
    (here / "second.py").write_text(TEXT.replace("my_method:", "second:").replace('"mine"', '"other"'))
    listed = attredit("plugins", "--plugin", "my_method.py", "--plugin", here / "second.py").stdout
    assert " my_method.py  " in listed
    assert " second.py  " in listed
    # Before or after the name of the command below it.
    for words in (["--plugin", "my_method.py", "show", "my_method"], ["show", "my_method", "--plugin", "my_method.py"]):
        assert str(here / "my_method.py") in attredit("plugins", *words).stdout


def test_what_is_typed_next_names_the_file_and_without_it_says_so(
    attredit: Any, here: Path, train_arguments: list[str], photos: Path
) -> None:
    words = [*train_arguments, "--method", "mine", "--steps", 2, "--run-dir", "run"]
    result = attredit(*words, "--plugin", "./my_method.py")
    assert result.exit_code == 0, result.output
    assert "attredit edit run PHOTO.png --set ATTRIBUTE=1 --plugin my_method.py" in result.stdout
    assert "attredit evaluate run --plugin my_method.py" in result.stdout
    edit = ["edit", "run", photos / "a.png", "--set", "Smiling=1", "-o", "edited.png"]
    refused = attredit(*edit)
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: The run's method is my_method/mine, of the file my_method.py, which was not named. "
        'Name it: --plugin my_method.py; in Python: attredit.use_plugin("my_method.py")\n'
    )
    edited = attredit(*edit, "--plugin", "my_method.py")
    assert edited.exit_code == 0, edited.output
    resumed = attredit("train", "--resume", "run", "--steps", 3, "--device", "cpu", "--plugin", "my_method.py")
    assert resumed.exit_code == 0, resumed.output
    # What a run is can be told without the file, and names it.
    shown = attredit("show", "run").stdout
    assert "plugin files  my_method.py" in shown
    assert "attredit evaluate run --plugin my_method.py" in attredit("doctor", "run").stdout
    (here / "my_method.py").write_text(TEXT + "# another\n")
    changed = attredit(*edit, "--plugin", "my_method.py")
    assert changed.exit_code == 1
    assert "which has changed since" in changed.stderr


def test_what_a_plugin_prints_is_not_in_the_json(
    attredit: Any, run: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "my_method.py").write_text(CHATTY + TEXT)
    copy = shutil.copytree(run, here / "run")
    words = ["evaluate", copy, "--limit", 20, "--device", "cpu", "--json", "--plugin", "my_method.py"]
    result = attredit(*words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["images"] == 20
    assert "one" in result.stderr
    printed, elsewhere = capfd.readouterr()
    assert printed == ""
    assert "twothree" in elsewhere


def test_show_tells_all_that_a_plugin_registers(attredit: Any, here: Path) -> None:
    shown = attredit("plugins", "show", "my_method", "--plugin", "my_method.py").stdout
    file = f"file  {here / 'my_method.py'}"
    for needed in (file, "version  sha256:", "API  1", "state  ok", "mine  Naive, and told.",
                   "preset default, recipe ", "autoencoder trains encoder, decoder", "encoder  networks/conv",
                   "preset broken  cannot be made: method my_method/mine cannot be loaded"):  # fmt: skip
        assert needed in shown, needed
    ours = attredit("plugins", "show", "ifcvaegan").stdout
    for needed in ("distribution  attredit", "minimax  ", "preset adversarial, recipe", "preset reference, recipe"):
        assert needed in ours, needed


def test_a_broken_file_is_shown_with_its_traceback(attredit: Any, here: Path) -> None:
    (here / "my_method.py").write_text("attredit_api = 1\nraise OSError('boom')\n")
    strict = {"ATTREDIT_STRICT_PLUGINS": "0"}
    refused = attredit("methods", "--plugin", "my_method.py", **strict)
    assert refused.exit_code == 1
    assert re.search(r"my_method\.py\b.* OSError: boom\..* attredit plugins show my_method --traceback", refused.stderr)
    shown = attredit("plugins", "show", "my_method", "--plugin", "my_method.py", **strict)
    assert shown.exit_code == 0
    assert "state  broken: OSError: boom" in shown.stdout
    assert "Traceback" not in shown.stdout
    more = attredit("plugins", "show", "my_method", "--traceback", "--plugin", "my_method.py", **strict).stdout
    assert 'my_method.py", line 2' in more


def test_a_file_is_checked_as_what_is_installed(attredit: Any, here: Path) -> None:
    # Its import, in a process of its own.
    words = ["plugins", "check", "my_method", "--only", "silent-import", "--plugin", "my_method.py"]
    result = attredit(*words)
    assert result.exit_code == 0, result.output
    assert " failed" not in result.stdout


@pytest.mark.parametrize(
    "urls, link",
    [
        ("Project-URL: Source, https://one.example\nProject-URL: Documentation, https://two.example\n", "two"),
        ("Project-URL: Homepage, https://one.example\nProject-URL: Funding, https://two.example\n", "one"),
        ("", ""),
    ],
)
def test_show_links_to_the_documentation(
    attredit: Any, here: Path, fake_distribution: Any, monkeypatch: pytest.MonkeyPatch, urls: str, link: str
) -> None:
    module = TEXT.replace("my_method:", "attredit_linked_linked:")
    fake_distribution(here / "site", "linked", module, urls=urls)
    monkeypatch.syspath_prepend(here / "site")
    registry.installed.cache_clear()
    shown = attredit("plugins", "show", "linked").stdout
    monkeypatch.undo()
    registry.installed.cache_clear()
    assert "attredit-linked" in shown
    assert (f"docs  https://{link}.example" in shown) == bool(link)
    assert ("docs" in shown) == bool(link)


def test_show_loads_no_torch() -> None:
    probe = (
        "import sys\nfrom attredit.cli.group import cli\ncli.main(['plugins', 'show', 'ifcvaegan'], 'attredit', "
        "standalone_mode=False)\nsys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "preset reference" in done.stdout


def test_what_is_left_out_is_said(attredit: Any) -> None:
    registry.installed.cache_clear()
    chosen = {"ATTREDIT_LOAD_PLUGINS": "networks"}
    listed, shown, wrong = (
        attredit(*words, **value)
        for words, value in (
            (["plugins"], chosen),
            (["plugins", "show", "ifcvaegan"], chosen),
            (["plugins"], {"ATTREDIT_LOAD_PLUGINS": "network"}),
        )
        if registry.installed.cache_clear() is None
    )
    registry.installed.cache_clear()
    assert "Left out by ATTREDIT_LOAD_PLUGINS: celeba, " in listed.stdout
    assert shown.exit_code == 2
    assert "because ATTREDIT_LOAD_PLUGINS leaves them out: celeba, collections, csvae, cvae-gan," in shown.stderr
    assert wrong.exit_code == 2
    assert re.search(r"'network'.* networks\?", wrong.stderr)
