"""Each kind of generated distribution, installed by pip into a fresh environment, passes its own tests there."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from attredit.scaffold import KINDS, Distribution

ROOT = Path(__file__).parents[2]
# Promises that start processes take seconds: here two kinds have them checked, one that looks across the batch, which
# two processes share, and one that workers read.
WHOLE = ("fresh-factorizer", "fresh-dataset")
CONFTEST = f"""
from attredit import testing

check = testing.check_plugin
testing.check_plugin = lambda name: check(name, quick=name not in {WHOLE})
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fresh_python(place: Path) -> Path:
    """The interpreter of a new environment that also sees what the running one sees."""
    run(sys.executable, "-m", "venv", place, cwd=place.parent)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    seen = [path for path in sys.path if path and not Path(path).is_relative_to(ROOT / "tests")]
    (Path(site) / "running.pth").write_text("\n".join(seen))
    return python


def test_every_kind_passes_its_own_tests(tmp_path: Path) -> None:
    made = [Distribution(f"fresh-{kind}", kind) for kind in KINDS]
    for new in made:
        new.write(tmp_path / new.title)
    python = fresh_python(tmp_path / "environment")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index"]
    places = [tmp_path / new.title for new in made]
    run(python, "-m", "pip", "install", *quiet, "--no-deps", "--no-build-isolation", *places, cwd=tmp_path)
    # From elsewhere and without putting folders on the path: what is tested is what pip has installed.
    away = tmp_path / "away"
    away.mkdir()
    tests = [place / "tests" for place in places]
    (tmp_path / "conftest.py").write_text(CONFTEST)
    options = ["-q", "-W", "error", "--import-mode=importlib", "--rootdir", tmp_path, "--junitxml=found.xml"]
    run(python, "-P", "-m", "pytest", *options, *tests, cwd=away)
    cases = [case.attrib for case in ElementTree.parse(away / "found.xml").iter("testcase")]
    for new in made:
        own = [case for case in cases if case["classname"].startswith(f"{new.title}.")]
        assert "test_conformance" in {case["name"] for case in own}
        assert len(own) > 1
