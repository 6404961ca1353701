"""The fixtures, as a stranger's tests use them: pytest in a process of its own, which finds them by the entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
from pathlib import Path
import sys

def test_nothing_heavy_came_with_the_plugin():
    assert "attredit.testing.pytest_plugin" in sys.modules
    assert not {"torch", "numpy", "datasets"} & set(sys.modules)

def test_registry(attredit_registry):
    assert attredit_registry.find("factorizer", "mmd").plugin == "ifcvaegan"

def test_dataset(tiny_dataset):
    source = tiny_dataset(channels=1)
    assert source.open("train")[0]["image"].shape == (32, 32, 1)

def test_run(tiny_run):
    run = tiny_run("ifcvaegan", steps=1, overrides={"latent_dim": 8})
    assert (run / "model.safetensors").is_file()
"""


def test_fixtures_are_found_by_their_entry_point(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    cache = tmp_path / "cache"
    environment = {**os.environ, "ATTREDIT_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert not cache.exists()


def test_listing_fixtures_shows_what_they_are_for(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "pytest", "--fixtures", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
    for line in ("attredit_registry", "Everything that is registered", "tiny_dataset", "tiny_run", "Train in seconds"):
        assert line in done.stdout, done.stdout
