"""Distributions of plugins, as strangers have them: where pip has installed them, they pass their own tests.

Those of examples/, and one of each kind that `attredit plugins new` writes; all in one environment.
"""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from attredit.scaffold import KINDS, Distribution

EXAMPLES = sorted(path.parent for path in (Path(__file__).parents[1] / "examples").glob("*/pyproject.toml"))
# Its tests are run, and it is compared with methods that ship, by tests/test_tutorial.py, which builds it.
OF_THE_TUTORIAL = "attredit-hsic"
# Promises that start processes take seconds: of what is generated, one kind has them checked, which workers read. A
# factorizer, which looks across the batch that two processes share, has them checked by the tutorial.
WHOLE = ("backbones", "fresh-dataset")
CONFTEST = f"""
from attredit import testing

check = testing.check_plugin
testing.check_plugin = lambda name: check(name, quick=name not in {WHOLE})
"""


@pytest.mark.long
def test_distributions_pass_their_own_tests_where_pip_installed_them(
    tmp_path: Path, fresh_python: Path, run_process: Any
) -> None:
    made = [Distribution(f"fresh-{kind}", kind) for kind in KINDS]
    for new in made:
        new.write(tmp_path / new.title)
    for example in EXAMPLES:
        shutil.copytree(example, tmp_path / example.name)
    titles = [*(example.name for example in EXAMPLES), *(new.title for new in made)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    run_process([fresh_python, "-m", "pip", "install", *quiet, *(tmp_path / title for title in titles)])
    listed = run_process([fresh_python, "-m", "attredit", "plugins"]).stdout
    assert all(f" {title} " in listed for title in titles)
    # From elsewhere and without putting folders on the path: what is tested is what pip has installed.
    away = tmp_path / "away"
    away.mkdir()
    titles.remove(OF_THE_TUTORIAL)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    options = ["-q", "-W", "error", "--import-mode=importlib", "--rootdir", tmp_path, "--junitxml=found.xml"]
    tests = [tmp_path / title / "tests" for title in titles]
    run_process([fresh_python, "-P", "-m", "pytest", *options, *tests], cwd=away)
    cases = list(ElementTree.parse(away / "found.xml").iter("testcase"))
    assert not [case.attrib for case in cases if case.find("skipped") is not None]
    for title in titles:
        own = [case.get("name") for case in cases if case.get("classname", "").startswith(f"{title}.")]
        assert "test_conformance" in own
        assert len(own) > 1
