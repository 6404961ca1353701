"""sample, sweep, evaluate, show and report."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from attredit.editing.editor import SWEEP
from attredit.report.figures import MEANINGS


@pytest.fixture(scope="module")
def evaluated(attredit: Any, run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A copy of the run with an evaluation, and what evaluating it printed as JSON."""
    copy = shutil.copytree(run, tmp_path_factory.mktemp("evaluated") / "run")
    result = attredit("evaluate", copy, "--limit", 30, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    return copy, result


def test_sample_is_a_grid_and_a_function_of_the_seed(attredit: Any, run: Path, tmp_path: Path) -> None:
    pictures = []
    for seed in (1, 1, 2):
        target = tmp_path / f"{len(pictures)}.png"
        result = attredit("sample", run, "-n", 5, "--set", "Smiling=1", "--seed", seed, "-o", target)
        assert result.exit_code == 0, result.output
        pictures.append(target.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    with Image.open(BytesIO(pictures[0])) as image:
        assert image.width > image.height  # five are a row of three and a row of two


def test_sweep_puts_values_side_by_side(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "strip.png"
    result = attredit(
        "sweep", run, photos / "a.png", photos / "b.jpg", "--attr", "Eyeglasses", "--values", "0,1", "-o", target
    )
    assert result.exit_code == 0, result.output
    with Image.open(target) as image:
        assert image.height > image.width  # two by two, and headings
        two = image.width
    attredit("sweep", run, photos / "a.png", "--attr", "Eyeglasses", "-o", target)
    listed = ",".join(f"{value:g}" for value in SWEEP)
    attredit("sweep", run, photos / "a.png", f"--values={listed}", "--attr", "Eyeglasses", "-o", tmp_path / "same.png")
    assert target.read_bytes() == (tmp_path / "same.png").read_bytes()
    with Image.open(target) as image:
        assert image.width > 3 * two


@pytest.mark.parametrize("arguments", [["--attr", "Hat"], ["--values", "a,b"], ["--values", "nan"], ["-o", "x.xyz"]])
def test_sweep_refuses_what_cannot_be(attredit: Any, run: Path, photos: Path, arguments: list[str]) -> None:
    result = attredit("sweep", run, photos / "a.png", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


def test_a_sweep_leaves_out_and_names_what_it_cannot_read(
    attredit: Any, run: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    target = tmp_path / "strip.png"
    how = ["--attr", "Eyeglasses", "--values", "0,1", "-o", target]
    result = attredit("sweep", run, tmp_path / "broken.png", photos / "a.png", *how)
    assert result.exit_code == 1
    assert "broken.png cannot be read" in result.stderr
    assert "1 of 2 pictures could not be edited" in result.stderr
    assert target.is_file()


def test_evaluate_prints_json_and_nothing_else(evaluated: Any) -> None:
    run, result = evaluated
    printed = json.loads(result.stdout)
    assert printed == json.loads((run / "evaluation.json").read_text())
    assert printed["images"] == 30
    assert "edit_success" in (run / "evaluation.json").read_text()


def test_every_figure_of_ours_has_its_words(evaluated: Any) -> None:
    figures = json.loads((evaluated[0] / "evaluation.json").read_text())["metrics"]
    assert set(figures) <= set(MEANINGS)


def test_evaluate_prints_a_table_by_group(attredit: Any, evaluated: Any) -> None:
    result = attredit("evaluate", evaluated[0], "--limit", 30, "--device", "cpu")
    assert result.exit_code == 0, result.output
    for needed in ("Fidelity", "Editing", "Against the true edit", "Leakage", "peak signal-to-noise ratio ↑",
                   "95 % interval", "Smiling", "Eyeglasses", "evaluation.json", "psnr"):  # fmt: skip
        assert needed in result.stdout, needed


def test_evaluation_goes_into_the_card(evaluated: Any) -> None:
    assert "| Fidelity | squared error of the reconstruction ↓ |" in (evaluated[0] / "README.md").read_text()


@pytest.mark.parametrize("arguments", [["--split", "tset"], ["--limit", "0"], ["--device", "abacus"]])
def test_evaluate_refuses_what_cannot_be(attredit: Any, run: Path, arguments: list[str]) -> None:
    result = attredit("evaluate", run, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


def test_show_tells_what_a_run_is(attredit: Any, evaluated: Any) -> None:
    text = attredit("show", evaluated[0]).stdout
    for needed in ("ifcvaegan, preset default", "96 images of 32x32", "Smiling, Eyeglasses", "6 of 6",
                   "autoencoder trains encoder, decoder", "class_edit  0.", ", only decoder, every 4 steps",
                   "factorizer  ifcvaegan/confusion", "Evaluation on 30 images",
                   "model.safetensors", "samples/step-000006.png"):  # fmt: skip
        assert needed in text, needed


@pytest.mark.parametrize("command", ["show", "report", "evaluate", "sample"])
def test_a_missing_run_is_an_error(attredit: Any, command: str) -> None:
    result = attredit(command, "nowhere")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nowhere is no run")


def test_a_damaged_run_is_an_error(attredit: Any, run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "model.safetensors").write_bytes(b"")
    for command in ("report", "sample"):
        result = attredit(command, copy)
        assert result.exit_code == 1
        assert "is damaged" in result.stderr
    (copy / "config.json").write_text("{")
    assert attredit("show", copy).exit_code == 1


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag not in ("meta", "path", "use", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "use"):
            assert self.open.pop() == tag


def test_report_is_one_whole_page_and_one_picture(attredit: Any, evaluated: Any, tmp_path: Path) -> None:
    result = attredit("report", evaluated[0], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", "report.png"]
    text = (tmp_path / "out" / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    # Two attributes: eight faces in eight columns, and two sweeps of seven.
    assert len(page.images) == 2 * (8 * 8 + 2 * 7)
    for image in page.images:
        source = image["src"] or ""
        assert image["alt"]
        with Image.open(BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))) as opened:
            assert opened.size == (32, 32)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    for needed in (
        "true edit",
        "composite edits, judged as asked",
        "attredit train",
        "prefers-color-scheme",
    ):
        assert needed in text
    with Image.open(tmp_path / "out" / "report.png") as picture:
        assert picture.width > 1000


def test_report_of_an_unevaluated_run_says_so(attredit: Any, run: Path, tmp_path: Path) -> None:
    assert attredit("report", run, "-o", tmp_path).exit_code == 0
    assert "Not evaluated yet" in (tmp_path / "report.html").read_text()


def test_the_same_run_gives_the_same_report(run: Path, tmp_path: Path) -> None:
    from attredit.report.write import write_report

    first = [p.read_bytes() for p in write_report(run, tmp_path / "a", command_lines=["one", "two"])]
    second = [p.read_bytes() for p in write_report(run, tmp_path / "b", command_lines=["one", "two"])]
    assert first == second
    assert b"<pre>one\ntwo</pre>" in first[0]


def test_the_report_cannot_be_written_into_a_file(attredit: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = attredit("report", run, "-o", tmp_path / "file")
    assert result.exit_code == 1
    assert "Cannot write" in result.stderr


def test_the_card_carries_what_the_data_set_says_of_itself(evaluated: Any) -> None:
    from attredit_synthfaces.source import SynthFaces

    card = (evaluated[0] / "README.md").read_text()
    assert f"## Biases and limits\n\n{SynthFaces.biases.strip()}" in card


def test_evaluate_on_another_data_set(attredit: Any, evaluated: Any, tmp_path: Path) -> None:
    run = shutil.copytree(evaluated[0], tmp_path / "run")
    before = (run / "evaluation.json").read_bytes()
    options = ["--data-option", "train=80", "--data-option", "valid=8", "--data-option", "test=16", "--device", "cpu"]
    printed = attredit("evaluate", run, "--dataset", "synthfaces", *options, "--json").stdout
    assert json.loads(printed) == json.loads((run / "evaluation-synthfaces.json").read_text())
    assert (run / "evaluation.json").read_bytes() == before
    shown = attredit("show", run).stdout
    assert re.findall(r"Evaluation on (.*?) *\n", shown) == [
        "30 images of the test split",
        "16 images of the test split of synthfaces",
    ]
    told = attredit("evaluate", run, "--dataset", "synthfaces", *options).stdout
    assert f"{run}: 16 images of the test split of synthfaces" in told
    assert f"Figures: {run / 'evaluation-synthfaces.json'}" in told
    assert "### On synthfaces" in (run / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "--data-option", "train=80"], "Add --dataset."),
        (["evaluate", "--dataset", "sprites"], "sprites lacks what the run edits: Smiling, Eyeglasses."),
        (["evaluate", "--dataset", "sprite"], "Did you mean sprites?"),
        (["evaluate", "--dataset", "folder:nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_measured_on_is_refused(attredit: Any, run: Path, words: list[str], said: str) -> None:
    result = attredit(words[0], run, *words[1:])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
