"""``attredit benchmark`` as people see it: what is refused, what is listed, what is shown meanwhile."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from made import cell_of, result_of
from rich.console import Console

from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.progress import Standing
from attredit.cli import watch_cells
from attredit.cli.watch_cells import CellWatcher, spoken


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["quik"], "suite 'quik' quick?"),
        (["none.toml"], "file none.toml"),
        (["--methods", "naive-cvaegen"], "method 'naive-cvaegen' naive-cvaegan?"),
        (["--methods", "ifcvaegan:papr"], "ifcvaegan preset 'papr' paper?"),
        (["--methods", "ifcvaegan", "--attr", "Smilling"], "attribute 'Smilling' Smiling?"),
        (["--methods", "ifcvaegan", "--dataset", "synthface"], "dataset 'synthface' synthfaces?"),
        (["--seeds", "x"], "--seeds 'x'"),
        (["--seeds", "1,1"], "seed 1"),
        (["confounded", "--data-dir", "PATH"], "--data-dir PATH"),
        (["--slurm", "timeout_min=5"], "--slurm --engine"),
    ],
)
def test_impossible_requests_are_refused_in_one_line_and_leave_nothing(
    attredit: Any, tmp_path: Path, arguments: list[str], names: str
) -> None:
    result = attredit("benchmark", *arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert all(name in result.stderr for name in names.split()), result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "benchmark.json").exists()


def test_two_budgets_are_refused_by_name(attredit: Any, tmp_path: Path, suite_text: Any) -> None:
    (tmp_path / "two.toml").write_text(suite_text("steps = 3, seconds = 5"))
    result = attredit("benchmark", tmp_path / "two.toml")
    assert result.exit_code == 2
    for name in (f"{tmp_path / 'two.toml'}: budget:", "steps and seconds"):
        assert name in result.stderr


def test_built_in_suites_are_listed_with_what_they_are_for(attredit: Any) -> None:
    lines = attredit("benchmark", "--list").stdout.splitlines()
    names = ["attributes", "confounded", "domains", "leakage", "methods", "quick", "table1"]
    assert [line.split()[0] for line in lines] == names
    assert all(line.endswith(".") for line in lines)


def test_a_run_is_no_place_for_a_benchmark(attredit: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    result = attredit("benchmark", "--methods", "ifcvaegan", "-o", tmp_path)
    assert result.exit_code == 1
    assert re.search(rf"{tmp_path}\b.*-o", result.stderr)


def test_a_file_is_no_place_for_a_benchmark(attredit: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = attredit("benchmark", "--methods", "ifcvaegan", "-o", tmp_path / "file")
    assert result.exit_code == 1
    assert re.search(rf"{tmp_path / 'file'}\b.*-o", result.stderr)


def test_on_a_terminal_there_are_bars_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=150)
    monkeypatch.setattr(watch_cells, "err", lambda: console)
    cells = [cell_of("naive"), cell_of("ours")]
    with CellWatcher() as watch:
        watch.planned(BenchmarkDirectory(tmp_path), cells, cells)
        watch.preparing("quadrants", Standing("judge", 3, 10, 1.0))
        watch.starting(200.0, guessed=False)
        watch.running([(cells[0], Standing("training", 30, 100, 2.0))], 190.0)
        watch.bars.refresh()
        assert "naive, quadrants: Smiling, seed 0: training" in screen.getvalue()
        assert "30/100" in screen.getvalue()
        assert "2.0 steps/s, 35 s left" in screen.getvalue()
        assert "about 3 min 10 s left" in screen.getvalue()
        watch.ended(result_of(cells[0]))
        watch.running([(cells[1], Standing("edits", 1, 4, 1.0))], 100.0)
        assert [task.description for task in watch.bars.tasks] == ["Cells", f"{cells[1].title}: edits"]
        watch.ended(result_of(cells[1], error="diverged"))
    said = capsys.readouterr().err
    assert "This takes about 3 min 20 s, as cells like these did before." in said
    assert "[1/2] naive, quadrants: Smiling, seed 0: 3 s" in said
    assert "[2/2] ours, quadrants: Smiling, seed 0 failed: diverged" in said


def test_times_as_people_say_them() -> None:
    times = {0.4: "1 s", 59: "59 s", 61: "1 min 1 s", 3599: "59 min 59 s", 3600: "1 h 0 min", 100000: "27 h 46 min"}
    assert {seconds: spoken(seconds) for seconds in times} == times
