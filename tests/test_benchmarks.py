"""The scripts in benchmarks/ that are quick enough to be tried, small."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from attredit import load
from attredit.launch import train

FOLDER = Path(__file__).parents[1] / "benchmarks"
FAULTS = FOLDER / "faults"
SMALL = {
    "--images": 300, "--small": 32, "--large": 64, "--image-size": 32, "--batch-size": 4, "--batches": 9,
    "--steps": 2, "--repeats": 1,
}  # fmt: skip
PRINTED = (
    r"\(d\) 300 JPEGs: N s to decode and resize, N s to prepare: N times \(aim: 1\.3 or less; 1 pairs\)",
    r"\(a\) N images/s from PIL in two workers, N from the store: N times \(aim: 20 or more; 1 pairs\)",
    r"\(b\) \S+, batch 4: N ms of N ms a step get the batch: N% \(aim: less than 5%\)",
    r"\(c\) N MB with 32 images, N MB with 64: N times, [-+]N MB \(aim: less than 300 more\)",
)


def test_what_data_cost(run_python: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = [str(word) for option in SMALL.items() for word in option]
    printed = run_python("-W", "error", FOLDER / "bench_data.py", *options).stdout
    for line, pattern in zip(printed.splitlines(), PRINTED, strict=True):
        assert re.fullmatch(re.sub(r"\bN\b", lambda _: r"[\d.,]+", pattern), line), printed
    assert list(tmp_path.glob("tmp*")) == []


def test_make_bench_runs_every_script() -> None:
    recipe = (FOLDER.parent / "Makefile").read_text("utf-8")
    assert set(re.findall(r"benchmarks/(bench_\w+)\.py", recipe)) == {path.stem for path in FOLDER.glob("bench_*.py")}


def test_people_in_a_drawn_scene_are_found_and_nothing_else_changes(run_python: Any, tmp_path: Path) -> None:
    printed = run_python(FOLDER / "drawn_scene.py", "--folder", tmp_path).stdout
    assert re.fullmatch(r"2 people found; \d\.\d% of the pixels changed, none outside of the frames\.\n", printed)
    drawn, kept = (Image.open(folder / "scene.png") for folder in (tmp_path, FOLDER.parent / "docs" / "images"))
    assert ImageChops.difference(drawn, kept).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_pages_of_edits(run_python: Any, tmp_path: Path) -> None:
    words = ("--dataset", "synthfaces", "--out", tmp_path, "--pictures", 2, "--width", 64)
    assert run_python(FOLDER / "photos" / "page.py", "drawn-faces", *words).stdout == f"Pages: {tmp_path}\n"
    pages = {path.stem: Image.open(path) for path in tmp_path.iterdir()}
    assert set(pages) == {f"{one.name}-{to}" for one in load("drawn-faces").schema if one.binary for to in (0, 1)}
    for page in pages.values():
        assert page.size == (2 * (2 * 64 + 20), 64 + 20)
        own, edited = page.crop((0, 0, 64, 64)), page.crop((64, 0, 128, 64))
        assert ImageChops.difference(own, edited).getbbox() is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaigns fork")
def test_a_little_of_the_campaign_of_damaged_files(run_python: Any, tmp_path: Path, tiny_request: Any) -> None:
    train(tiny_request(run_dir=str(tmp_path / "run"), steps=2))
    kinds = ["images", "tables", "suites", "votes", "configurations", "models"]
    chosen = [word for kind in kinds for word in ("--kind", kind)]
    printed = run_python(FAULTS / "fuzz.py", "--files", 60, "--seed", 1, "--run", tmp_path / "run", *chosen).stdout
    counts = re.search(r"^\| all \| 60 \| (\d+) \| (\d+) \| 0 \| 0 \| 0 \| 0 \| 0 \|$", printed, re.M)
    assert counts, printed
    assert all(int(count) > 5 for count in counts.groups())


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaigns fork")
def test_a_little_of_the_campaign_of_kills(run_python: Any) -> None:
    printed = run_python(FAULTS / "kills.py", "--times", 2, "--seed", 1, "--only", "training", "preparing").stdout
    for what in ("training", "preparing"):
        assert re.search(rf"^\| {what} \| [2-9] \| \d \| 0 \|$", printed, re.M), printed


def test_faults_that_the_campaign_must_find_are_found(run_python: Any, tmp_path: Path) -> None:
    """A plugin that does each of them, in the place of a command."""
    (tmp_path / "votes.json").write_text("{}")
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys
sys.path.insert(0, {str(FAULTS)!r})
import os, time
from pathlib import Path
import click
import fuzz
from attredit.cli import group
from seeds import Kind

bad = {{"hang": lambda: time.sleep(60), "crash": lambda: os.kill(os.getpid(), 11), "memory": lambda: bytearray(3 << 30),
       "bug": lambda: [][0], "executed": lambda: Path(fuzz.CANARY).touch(), "read": lambda: None}}
fuzz.SECONDS = 3.0
group.cli.get_command = lambda context, name: click.Command(name, callback=bad[name])
group.cli.resolve_command = lambda context, words: (words[0], group.cli.get_command(context, words[0]), words[1:])
place = Path({str(tmp_path)!r}) / "place"
place.mkdir()
(place / "a.txt").write_text("a")
kinds = [Kind(name, 1, place, ["a.txt"], [[name]]) for name in bad]
scratch = Path({str(tmp_path)!r}) / "scratch"
scratch.mkdir()
found = list(fuzz.campaign(kinds, range(8), 4, scratch))
assert [outcome.number for outcome in found] == list(range(8))
assert {{(outcome.kind, outcome.how) for outcome in found}} == {{(name, name) for name in bad}}, found
""")
    run_python(script)
