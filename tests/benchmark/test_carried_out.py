"""What a benchmark says and leaves, and how it ends when a cell or the data are impossible."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from made import STEPS
from PIL import Image

from attredit.benchmark import worker
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.engine import Local
from attredit.benchmark.results import Figures
from attredit.evaluation.result import Evaluation
from attredit.runs.directory import RunDirectory


def test_it_says_what_is_left_how_long_it_takes_and_where_results_are(whole: tuple[Path, Any]) -> None:
    out, done = whole
    assert f"Suite tiny in {out}: 2 cells, 2 left, {STEPS} steps each." in done.stderr
    assert "a guess from a second of steps each" in done.stderr
    assert "[1/2] naive-cvaegan, synthfaces: Smiling, seed 0: " in done.stderr
    assert "[2/2] ifcvaegan, synthfaces: Smiling, seed 0: " in done.stderr
    assert "synthfaces: Smiling: what it took" in done.stdout
    assert f"Wrote {out / 'table.md'}" in done.stdout
    assert "\r" not in done.stderr


def test_a_result_says_what_was_done_on_what(whole: tuple[Path, Any]) -> None:
    out, _ = whole
    directory = BenchmarkDirectory(out)
    for result in directory.record().results:
        facts = result.facts
        assert facts is not None
        assert (facts.steps, facts.batch_size, result.figures[""].images, facts.gpu_bytes) == (STEPS, 8, 12, None)
        assert 0 < facts.training_seconds < facts.cell_seconds
        assert facts.machine["threads"] == 1
        assert facts.memory_bytes > 50_000_000
        config = RunDirectory(directory.run(result.key)).config()
        assert (config.recipe.hash, config.request.seed) == (result.cell.recipe, result.cell.seed)
        assert set(result.figures[""].attributes) == {"Smiling"}
        assert {"mse", "edit_success", "leakage_mean"} <= set(result.figures[""].metrics)
        card = (directory.run(result.key) / "README.md").read_text()
        assert "squared error of the reconstruction" in card
    first, second = directory.record().results
    assert first.facts is not None
    assert second.facts is not None
    assert first.figures[""].judge == second.figures[""].judge
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
    shown = ["--window-size=1200,3000", f"--screenshot={tmp_path / 'page.png'}", "--dump-dom"]
    dom = subprocess.run(
        [*words, *shown, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    down, up, sorted_, images, missing = re.findall("<title>(.*)</title>", dom)[0].split(";")
    assert (missing, sorted_) == ("0", "true")
    assert int(images) > 30
    assert up != down
    assert {down, up} == {"naive-cvaegan,ifcvaegan,n a seed", "ifcvaegan,naive-cvaegan,n a seed"}
    with Image.open(tmp_path / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**7) or ()) > 1000


def test_a_finished_suite_starts_nothing(
    whole: tuple[Path, Any], suite: Path, benchmark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, first = whole
    lines = (out / "results.jsonl").read_bytes()
    monkeypatch.setattr(Local, "start", lambda *given: pytest.fail("nothing is left"))
    again = benchmark(suite, out)
    assert again.exit_code == 0
    assert "2 cells, 0 left" in again.stderr
    assert again.stdout == first.stdout
    assert (out / "results.jsonl").read_bytes() == lines


@pytest.mark.usefixtures("here")
def test_a_failed_cell_is_reported_and_the_others_finish(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "failing.toml", tmp_path / "out"
    diverging = '[[methods]]\nname = "naive-cvaegan"\nlabel = "wild"\nset = ["players.autoencoder.optimizer.lr=1e12"]\n'
    impossible = '[[methods]]\nname = "naive-cvaegan"\nlabel = "odd"\nset = ["parts.encoder.options.width=0.5"]\n'
    suite.write_text(suite_text(more=diverging + impossible))
    done = benchmark(suite, out, "--methods", "wild,odd,naive-cvaegan")
    assert done.exit_code == 1
    assert "wild, synthfaces: Smiling, seed 0 failed: Training diverged: " in done.stderr
    assert "odd, synthfaces: Smiling, seed 0 failed: parts.encoder.options cannot be used" in done.stderr
    assert "2 of 3 cells failed" in done.stderr
    assert "Failed: wild, seed 0: Training diverged: " in done.stdout
    results = BenchmarkDirectory(out).record().results
    assert {result.cell.label: result.finished for result in results} == {
        "wild": False, "odd": False, "naive-cvaegan": True,
    }  # fmt: skip


@pytest.mark.usefixtures("here")
def test_another_collection_is_measured_on_with_every_cell(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "elsewhere.toml", tmp_path / "out"
    others = 'evaluate_on = { name = "synthfaces", label = "others", options = { train = 80, valid = 8, test = 16 } }'
    suite.write_text(suite_text().replace('name = "synthfaces"', f'name = "synthfaces"\n{others}'))
    done = benchmark(suite, out, "--methods", "naive-cvaegan")
    assert done.exit_code == 0, done.output
    assert "synthfaces: Smiling, measured on others" in done.stdout
    (result,) = BenchmarkDirectory(out).record().results
    found = Evaluation.read(RunDirectory(BenchmarkDirectory(out).run(result.key)), "others")
    assert result.figures["others"] == Figures.of(found) != result.figures[""]
    assert "<h2>synthfaces: Smiling, measured on others</h2>" in (out / "report.html").read_text()


@pytest.mark.usefixtures("here")
def test_data_that_cannot_be_prepared_stop_everything(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "empty.toml", tmp_path / "out"
    suite.write_text(suite_text().replace("test = 32", "test = 0"))
    done = benchmark(suite, out)
    assert done.exit_code == 1
    assert "Data set synthfaces cannot be prepared: " in done.stderr
    assert "No cell was started." in done.stderr
    assert done.stderr.count("Error: ") == 1


@pytest.mark.usefixtures("here")
def test_seconds_become_steps_before_the_start(tmp_path: Path, suite_text: Any, benchmark: Any) -> None:
    suite, out = tmp_path / "timed.toml", tmp_path / "out"
    suite.write_text(suite_text("seconds = 1"))
    done = benchmark(suite, out, "--methods", "naive-cvaegan")
    assert done.exit_code == 0, done.output
    (result,) = BenchmarkDirectory(out).record().results
    assert result.facts is not None
    assert result.facts.steps == RunDirectory(BenchmarkDirectory(out).run(result.key)).config().steps > 1
    # About one: the machine may be busier while it trains than while it was timed.
    assert 0.2 < result.facts.training_seconds < 20
    assert "Budget 1 seconds each" in done.stdout


@pytest.mark.parametrize("file", ["training.safetensors", "config.json"])
def test_a_half_written_run_is_not_continued(whole: tuple[Path, Any], tmp_path: Path, file: str) -> None:
    source = BenchmarkDirectory(whole[0])
    run_ = RunDirectory(shutil.copytree(source.run(source.read().cells[0].key), tmp_path / "run"))
    assert worker.resumable(run_)
    damaged = run_.path / file
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert not worker.resumable(run_)
    assert not worker.resumable(RunDirectory(tmp_path / "nowhere"))
