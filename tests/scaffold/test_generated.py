"""Each kind of generated distribution, installed by pip into a fresh environment, passes its own tests there."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from attredit.scaffold import KINDS, Distribution

# Promises that start processes take seconds: here one kind has them checked, which workers read. A factorizer, which
# looks across the batch that two processes share, has them checked by the tutorial.
WHOLE = ("fresh-dataset",)
CONFTEST = f"""
from attredit import testing

check = testing.check_plugin
testing.check_plugin = lambda name: check(name, quick=name not in {WHOLE})
"""


@pytest.mark.long
def test_every_kind_passes_its_own_tests(tmp_path: Path, fresh_python: Path, run_process: Any) -> None:
    made = [Distribution(f"fresh-{kind}", kind) for kind in KINDS]
    for new in made:
        new.write(tmp_path / new.title)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index"]
    places = [tmp_path / new.title for new in made]
    run_process([fresh_python, "-m", "pip", "install", *quiet, "--no-deps", "--no-build-isolation", *places])
    # From elsewhere and without putting folders on the path: what is tested is what pip has installed.
    away = tmp_path / "away"
    away.mkdir()
    tests = [place / "tests" for place in places]
    (tmp_path / "conftest.py").write_text(CONFTEST)
    options = ["-q", "-W", "error", "--import-mode=importlib", "--rootdir", tmp_path, "--junitxml=found.xml"]
    run_process([fresh_python, "-P", "-m", "pytest", *options, *tests], cwd=away)
    cases = [case.attrib for case in ElementTree.parse(away / "found.xml").iter("testcase")]
    for new in made:
        own = [case for case in cases if case["classname"].startswith(f"{new.title}.")]
        assert "test_conformance" in {case["name"] for case in own}
        assert len(own) > 1
