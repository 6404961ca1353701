"""Suites carried out by real processes: killed, failing, side by side, submitted."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import plain
from PIL import Image

from attredit.benchmark import worker
from attredit.benchmark.engine import Local, Submitted
from attredit.benchmark.plan import BenchmarkDirectory
from attredit.benchmark.runner import Watch, run
from attredit.benchmark.suite import parse_suite
from attredit.checkpoint import RunDirectory
from attredit.errors import RunError


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, suite_text: Any) -> Path:
    """Long enough to be killed between two checkpoints."""
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(suite_text("steps = 200"))
    return path


@pytest.fixture(scope="module")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory, benchmark: Any) -> tuple[Path, Any]:
    """A benchmark that nothing stopped, and what it printed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = benchmark(suite, out)
    assert done.returncode == 0, done.stderr
    return out, done


def test_it_says_what_is_left_how_long_it_takes_and_where_results_are(whole: tuple[Path, Any]) -> None:
    out, done = whole
    assert f"Suite tiny in {out}: 2 cells, 2 left, 200 steps each." in done.stderr
    assert "a guess from a second of steps each" in done.stderr
    assert "[1/2] naive-cvaegan, synthfaces: Smiling, seed 0: " in done.stderr
    assert "[2/2] ifcvaegan, synthfaces: Smiling, seed 0: " in done.stderr
    assert "synthfaces: Smiling: what it took" in done.stdout
    assert f"Wrote {out / 'table.md'}" in done.stdout
    assert "\r" not in done.stderr


def test_a_result_says_what_was_done_on_what(whole: tuple[Path, Any]) -> None:
    out, _ = whole
    directory = BenchmarkDirectory(out)
    for result in directory.results.read().results:
        facts = result.facts
        assert facts is not None
        assert (facts.steps, facts.batch_size, facts.images, facts.gpu_bytes) == (200, 8, 40, None)
        assert 0 < facts.training_seconds < facts.cell_seconds
        assert facts.machine["threads"] == 1
        assert facts.memory_bytes > 50_000_000
        config = RunDirectory(directory.run(result.key)).config()
        assert (config.recipe.hash, config.seed) == (result.cell.recipe, result.cell.seed)
        assert set(result.attributes) == {"Smiling"}
        assert {"mse", "edit_success", "leakage_mean"} <= set(result.metrics)
    first, second = directory.results.read().results
    assert first.facts is not None
    assert second.facts is not None
    assert first.facts.judge == second.facts.judge
    assert not list(directory.path.rglob("*.part"))


def test_the_page_needs_nothing_else_and_shows_every_method(whole: tuple[Path, Any]) -> None:
    out, done = whole
    page = (out / "report.html").read_text()
    assert f"Wrote {out / 'report.html'}" in done.stdout
    assert not re.findall(r"(?:src|href)=.(?!data:|#)", page)
    for label in ("naive-cvaegan", "ifcvaegan"):
        assert page.count(f'alt="{label}, edit: face ') == page.count(f'alt="{label}, reconstruction: face ') == 6
        assert f'alt="{label} at 0.5"' in page
    assert page.count("<svg") == 2  # one against the other, and training
    assert "No pictures of" not in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
def test_the_page_sorts_in_a_browser_and_no_picture_is_missing(whole: tuple[Path, Any], tmp_path: Path) -> None:
    page = (whole[0] / "report.html").read_text()
    probe = """<script>addEventListener("load", () => {
      const table = document.querySelector("table.sortable"), names = () =>
        [...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join();
      const button = table.tHead.rows[0].cells[1].querySelector("button");
      button.click(); const down = names(); button.click(); const up = names();
      const values = [...table.tBodies[0].rows].slice(0, 2).map((row) => parseFloat(row.cells[1].textContent));
      const missing = [...document.images].filter((image) => !image.complete || !image.naturalWidth).length;
      document.title = [down, up, values[0] <= values[1], document.images.length, missing].join(";");
    });</script>"""
    (tmp_path / "page.html").write_text(page.replace(' loading="lazy"', "").replace("</body>", f"{probe}</body>"))
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shot = f"--screenshot={tmp_path / 'page.png'}"
    dom = subprocess.run(
        [*words, "--dump-dom", (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    down, up, sorted_, images, missing = re.findall("<title>(.*)</title>", dom)[0].split(";")
    assert (missing, sorted_) == ("0", "true")
    assert int(images) > 30
    assert up != down
    assert {down, up} == {"naive-cvaegan,ifcvaegan,n a seed", "ifcvaegan,naive-cvaegan,n a seed"}
    subprocess.run(
        [*words, shot, "--window-size=1200,3000", (tmp_path / "page.html").as_uri()],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    with Image.open(tmp_path / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**7) or ()) > 1000


def test_a_finished_suite_starts_nothing(whole: tuple[Path, Any], suite: Path, benchmark: Any) -> None:
    out, first = whole
    lines = (out / "results.jsonl").read_bytes()
    again = benchmark(suite, out)
    assert again.returncode == 0
    assert "2 cells, 0 left" in again.stderr
    assert again.stdout == first.stdout
    assert (out / "results.jsonl").read_bytes() == lines


def test_killed_half_way_and_started_again_it_gives_the_same_table(
    whole: tuple[Path, Any], suite: Path, tmp_path: Path, command: Any, environment: Any, benchmark: Any
) -> None:
    out, directory = tmp_path / "out", BenchmarkDirectory(tmp_path / "out")
    process = subprocess.Popen(
        command(suite, out), env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: directory.exists, process)
    naive, factorized = directory.read().cells
    wait_for(lambda: step_of(directory, factorized.key) >= 90, process)
    process.kill()
    process.wait()
    # Its own process does not outlive it: the lock is free, and no step is added.
    lock = directory.cell(factorized.key) / "lock"
    wait_for(lambda: not held(lock), None)
    reached = step_of(directory, factorized.key)
    time.sleep(0.3)
    assert step_of(directory, factorized.key) == reached < 200
    assert set(directory.results.read().finished()) == {naive.key}
    again = benchmark(suite, out)
    assert again.returncode == 0, again.stderr
    assert "2 cells, 1 left" in again.stderr
    assert plain(out) == plain(whole[0])
    for name in ("model.safetensors", "training.safetensors"):
        same = [BenchmarkDirectory(path).run(factorized.key) / name for path in (out, whole[0])]
        assert same[0].read_bytes() == same[1].read_bytes()
    assert quality(again.stdout) == quality(whole[1].stdout)


def test_ctrl_c_ends_at_once_and_says_how_to_go_on(suite: Path, tmp_path: Path, command: Any, environment: Any) -> None:
    out, directory = tmp_path / "out", BenchmarkDirectory(tmp_path / "out")
    process = subprocess.Popen(command(suite, out), env=environment, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: directory.exists, process)
    (first, _) = directory.read().cells
    wait_for(lambda: step_of(directory, first.key) > 0, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from the last checkpoints" in said
    assert f"attredit report {out}" in said
    assert not held(directory.cell(first.key) / "lock")


def test_a_failed_cell_is_reported_and_the_others_finish(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "failing.toml", tmp_path / "out"
    diverging = '[[methods]]\nname = "naive-cvaegan"\nlabel = "wild"\nset = ["players.autoencoder.optimizer.lr=1e12"]\n'
    impossible = '[[methods]]\nname = "naive-cvaegan"\nlabel = "odd"\nset = ["parts.encoder.options.width=0.5"]\n'
    suite.write_text(suite_text(more=diverging + impossible))
    done = benchmark(suite, out, "--methods", "wild,odd,naive-cvaegan")
    assert done.returncode == 1
    assert "wild, synthfaces: Smiling, seed 0 failed: Training diverged: " in done.stderr
    assert "odd, synthfaces: Smiling, seed 0 failed: parts.encoder.options cannot be used" in done.stderr
    assert "2 of 3 cells failed" in done.stderr
    assert "Failed: wild, seed 0: Training diverged: " in done.stdout
    results = BenchmarkDirectory(out).results.read().results
    assert {result.cell.label: result.finished for result in results} == {
        "wild": False, "odd": False, "naive-cvaegan": True,
    }  # fmt: skip


class Told(Watch):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.most = 0
        self.stages: set[str] = set()

    def running(self, cells: Any, seconds_left: float) -> None:
        self.most = max(self.most, len(cells))
        self.stages |= {progress.stage for _, progress in cells}


@pytest.mark.parametrize("engine", ["two jobs", "submitit"])
def test_cells_side_by_side_or_submitted_give_the_same_figures(
    engine: str, whole: tuple[Path, Any], suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(worker, "cores", lambda: 1)
    told, out = Told(), tmp_path / "out"
    local = {"timeout_min": 5}
    used = Local(2) if engine == "two jobs" else Submitted(out / "slurm", 2, local, cluster="local")
    if engine == "submitit":  # it has no word on threads: as many as there are cores
        monkeypatch.setattr(Submitted, "threads", lambda self, jobs: 1)
    results = run(parse_suite(suite.read_text(), "tiny.toml", "tiny"), out, used, device="cpu", watch=told)
    assert [result.error for result in results] == ["", ""]
    assert told.most == 2
    assert "training" in told.stages
    assert plain(out) == plain(whole[0])


def test_a_process_that_dies_without_a_word_is_a_failure_too(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killing(Told):
        def running(self, cells: Any, seconds_left: float) -> None:
            for cell, progress in cells:
                if progress.stage == "training" and cell.label == "naive-cvaegan":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(started[-1]._process.pid, signal.SIGKILL)

    started: list[Any] = []
    start = Local.start
    monkeypatch.setattr(Local, "start", lambda *given: started.append(start(*given)) or started[-1])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = parse_suite(suite.read_text(), "tiny.toml", "tiny")
    first, second = run(made, tmp_path / "out", Local(), device="cpu", watch=Killing())
    assert first.error.startswith("Its process ended early (killed by signal 9); ")
    assert second.finished


def test_data_that_cannot_be_prepared_stop_everything(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "empty.toml", tmp_path / "out"
    suite.write_text(suite_text().replace("test = 60", "test = 0"))
    done = benchmark(suite, out)
    assert done.returncode == 1
    assert "Data set synthfaces cannot be prepared: " in done.stderr
    assert "No cell was started." in done.stderr
    assert done.stderr.count("Error: ") == 1


def test_seconds_become_steps_before_the_start(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "timed.toml", tmp_path / "out"
    suite.write_text(suite_text("seconds = 2"))
    done = benchmark(suite, out, "--methods", "naive-cvaegan")
    assert done.returncode == 0, done.stderr
    (result,) = BenchmarkDirectory(out).results.read().results
    assert result.facts is not None
    assert result.facts.steps == RunDirectory(BenchmarkDirectory(out).run(result.key)).config().steps > 1
    # About two: the machine may be busier while it trains than while it was timed.
    assert 0.4 < result.facts.training_seconds < 10
    assert "Budget 2 seconds each" in done.stdout


@pytest.mark.parametrize("file", ["training.safetensors", "config.json"])
def test_a_half_written_run_is_not_continued(whole: tuple[Path, Any], tmp_path: Path, file: str) -> None:

    source = BenchmarkDirectory(whole[0])
    run_ = RunDirectory(shutil.copytree(source.run(source.read().cells[0].key), tmp_path / "run"))
    assert worker._resumable(run_)
    damaged = run_.path / file
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert not worker._resumable(run_)
    assert not worker._resumable(RunDirectory(tmp_path / "nowhere"))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[Any] | None) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process is None or process.poll() is None, "it ended before that"
        assert time.monotonic() < deadline, "it was waited for in vain"
        time.sleep(0.01)


def step_of(directory: BenchmarkDirectory, key: str) -> int:
    """The last logged step of a cell."""
    try:
        metrics = RunDirectory(directory.run(key)).metrics()
    except RunError:
        return 0
    return metrics[-1]["step"] if metrics else 0


def held(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def quality(printed: str) -> str:
    """The table of figures, without what it took."""
    return printed.partition("what it took")[0]
