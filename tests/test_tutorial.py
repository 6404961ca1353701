"""docs/tutorial.md, word for word: its files saved, its commands run, in a fresh environment where pip installs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from warm_python import Warm

from attredit.data import cache_dir
from attredit.evaluation.judge import judge_of
from attredit.evaluation.result import Evaluation
from attredit.plugin.registry import installed
from attredit.request import Request
from attredit.runs.directory import RunDirectory

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S)
INCLUDED = re.compile(r'^--8<-- "(?P<path>[^"]+)"$', re.M)


# Trainings are as short and the data as few as can be: what the tutorial's figures are, it has measured itself.
# They are the data of other tests, so that all need one judge.
SHORTER = {"400": "10", "2000": "96", "100": "16", "200": "32"}
DATA = {"train": 96, "valid": 16, "test": 32}
# Commands with one of these words import torch, and are forks of a process that has; the others need no second.
HEAVY = {"pytest", "check", "train", "evaluate", "report", "benchmark", "doctor"}


class Step(NamedTuple):
    """A block of the tutorial: commands, a file to save, or what the last command prints."""

    kind: str
    text: str
    title: str = ""


def steps(markdown: str) -> Iterator[Step]:
    for block in BLOCK.finditer(markdown):
        text = INCLUDED.sub(lambda line: (ROOT / line["path"]).read_text().rstrip("\n"), block["text"])
        kind = {"sh": "commands", "text": "output"}.get(block["language"], "file")
        assert (kind == "file") == bool(block["title"]), block["text"]
        yield Step(kind, text, block["title"] or "")


def shorter(text: str) -> str:
    """Commands and suites, of fewer steps and images."""
    return re.sub(
        r"(steps = |--steps |train=|train = |valid=|valid = |test=|test = )(\d+)",
        lambda m: m[1] + SHORTER.get(m[2], m[2]),
        text,
    )


def alike(text: str) -> str:
    """Without what differs from machine to machine: numbers, and the space that they leave."""
    return " ".join(re.sub(r"\d+(\.\d+)?", "0", text).split())


@pytest.fixture
def warm(fresh_python: Path) -> Iterator[Warm]:
    python = Warm(fresh_python)
    yield python
    python.close()


@pytest.mark.long
def test_the_tutorial(tmp_path: Path, fresh_python: Path, warm: Warm) -> None:
    environment = {
        **os.environ,
        "PATH": f"{fresh_python.parent}{os.pathsep}{os.environ['PATH']}",
        # What the commands need is here already, so pip has nothing to download.
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "false",  # pip reads it the wrong way round
        "PYTHONSAFEPATH": "",
    }
    # Its processes find a judge in the cache.
    request = Request(attributes=("Smiling",), image_size=32, data_options=DATA)
    judge = judge_of(request.collection(installed()).store("train"), cache=cache_dir(), device=torch.device("cpu"))
    folder, printed, ran = tmp_path, "", []
    for step in steps(TUTORIAL.read_text()):
        if step.kind == "file":
            (folder / step.title).write_text(shorter(step.text) if step.title.endswith(".toml") else step.text)
        elif step.kind == "output":
            assert alike(step.text) in alike(printed)
        else:
            for command in shorter(step.text).splitlines():
                started = time.perf_counter()
                if command.startswith("cd "):
                    folder /= shlex.split(command)[1]
                    continue
                words = shlex.split(command)
                if HEAVY.isdisjoint(words):
                    done = subprocess.run(
                        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=900
                    )
                else:
                    done = warm.run(words[1:] if words[0] == "python" else ["-m", *words], folder)
                printed = done.stdout
                print(f"{time.perf_counter() - started:.0f} s: {command}\n{printed}{done.stderr}")
                assert done.returncode == 0, command
                ran.append(command)
    assert Evaluation.read(RunDirectory(folder / "runs" / "hsic")).judge.hash == judge.hash
    assert len(ran) >= 10
    assert (folder / "runs" / "hsic" / "report.html").is_file()
    table = (folder / "comparison" / "table.csv").read_text()
    assert all(method in table for method in ("naive-cvaegan", "ifcvaegan", "hsic"))


def test_what_it_builds_is_the_example() -> None:
    example = ROOT / "examples" / "attredit-hsic"
    saved = {step.title: step.text for step in steps(TUTORIAL.read_text()) if step.kind == "file"}
    for path in (*example.rglob("attredit_hsic/*.py"), *example.rglob("tests/*.py")):
        assert saved[str(path.relative_to(example))] == path.read_text()
