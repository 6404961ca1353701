"""What reports are made of: commands, faces, grids, curves."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from attredit.attributes import MISSING, Attribute
from attredit.editing.editor import Editor, load
from attredit.editing.model import Model
from attredit.evaluation.result import Effect, Evaluation, JudgeFacts, Movement
from attredit.evaluation.statistics import Estimate
from attredit.plugin.registry import installed
from attredit.report.card import write_card
from attredit.report.curves import curve, series_of
from attredit.report.faces import EDIT, MISS, TRUTH, edits_of, pick
from attredit.report.figures import effects_row, headline, markdown, missing, moved_most, rows
from attredit.report.grid import cell_size, grid, wrapped
from attredit.report.write import write_report
from attredit.request import Request
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.players import build


def figure(value: float, low: float | None = None) -> Estimate:
    return Estimate(value, low, low, 1200)


def evaluation_of(metrics: dict[str, Estimate], reasons: dict[str, str]) -> Evaluation:
    judge = JudgeFacts(hash="", accuracy={}, agreement={})
    rest: dict[str, Any] = {"attributes": {}, "off_target_matrix": {}, "data": {}, "run": {}, "versions": {}}
    return Evaluation(split="test", images=9, judge=judge, identity=None, metrics=metrics, not_measured=reasons, **rest)


@pytest.fixture
def config(run: Path) -> RunConfig:
    return RunDirectory(run).config()


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"players.autoencoder.terms.penalty": None, "players.autoencoder.clip": 2.5},
        {"parts.factorizer": {"use": "confusion", "options": {"width": 16}}, "ema": 0.99},
        {
            "players.autoencoder.optimizer.lr": 0.001,
            "players.autoencoder.terms.kl.weight": {"kind": "cosine", "end": 0.1},
        },
    ],
)
def test_the_command_of_a_run_asks_for_the_same_run(
    attredit: Any, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, overrides: dict[str, Any]
) -> None:
    asked = {"overrides": overrides, "balance": ("Smiling", "Male"), "seed": 3, "batch_size": 8}
    asked |= {"data_options": {"train": 100, "correlation": {"Smiling": {"Male": 0.5}}}, "strict": True}
    asked |= {"crop": "none", "augment": ("jitter", "flip"), "attributes": ("Smiling", "Eyeglasses"), "steps": 6}
    request = Request(**asked)
    command, *words = shlex.split(config.model_copy(update={"request": request}).command(tmp_path))
    assert command == "attredit"
    seen: list[Request] = []
    monkeypatch.setattr("attredit.launch.train", lambda request, **_: seen.append(request) or tmp_path)
    assert attredit(*words).exit_code == 0
    assert seen[0] == request.model_copy(update={"run_dir": str(tmp_path)})


def test_a_command_says_what_is_not_the_default(config: RunConfig) -> None:
    assert config.model_copy(update={"request": Request(attributes=("Smiling",))}).command() == (
        "attredit train --attr Smiling"
    )


def test_a_run_whose_method_is_gone_still_has_a_card_and_a_report(run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(run, tmp_path / "run"))
    config = copy.config()
    config = config.model_copy(update={"request": config.request.model_copy(update={"method": "gone/lost"})})
    copy.write_config(config)
    write_card(copy, config)
    page, _ = write_report(copy.path)
    for text in (copy.card_file.read_text(), page.read_text()):
        assert "attredit train --method gone/lost" in text


def test_categorical_attributes_are_edited_to_their_next_value(config: RunConfig) -> None:
    config = config.model_copy(update={"attributes": (Attribute("Hair", ("black", "blond", "red")),)})
    built = build(installed(), config.recipe, config.schema_, channels=3, image_size=32)
    editor = Editor(config, Model.of(config.recipe, built.parts, config.schema_))
    images = torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8)
    labels = np.arange(9) % 3
    store: Any = SimpleNamespace(label_columns=lambda names: labels[:, None], batch=lambda indices: images[indices])
    edits = edits_of(editor, store, SimpleNamespace(), "test", config.schema_.attributes[0], 6)  # type: ignore[arg-type]
    assert [(f.before, f.after) for f in edits.faces[::2]] == [
        ("Hair black", "Hair blond"),
        ("Hair blond", "Hair red"),
        ("Hair red", "Hair black"),
    ]
    assert edits.sweeps == ()
    assert {TRUTH, MISS}.isdisjoint(edits.columns)
    assert edits.faces[0].images[EDIT].shape == (32, 32, 3)


def test_of_a_split_without_labels_faces_are_what_the_model_reads(run: Path, config: RunConfig) -> None:
    images = torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8)
    unknown = np.full((9, 1), MISSING)
    store: Any = SimpleNamespace(label_columns=lambda names: unknown, batch=lambda indices: images[indices])
    editor, smiling = load(run, "cpu"), config.schema_.attributes[0]
    edits = edits_of(editor, store, SimpleNamespace(), "test", smiling, 6)  # type: ignore[arg-type]
    read = editor.model.probabilities(editor.model.encode(images[:6] / 255))[:, 0] > 0.5
    assert edits.predicted
    assert edits.faces
    for face in edits.faces:
        assert face.before == ("with Smiling" if read[face.index] else "without Smiling")
        assert face.after != face.before


def test_the_matrix_of_effects_has_the_edited_attribute_first() -> None:
    def cell(decoded: float | None) -> Effect:
        return Effect(None if decoded is None else figure(decoded), figure(0.5))

    cells = {"Young": cell(None), "Hair=black": cell(0.75), "Hair=red": cell(0.25)}
    assert effects_row("Hair", cells) == [
        ("Hair=black", True, cell(0.75)),
        ("Hair=red", True, cell(0.25)),
        ("Young", False, cell(None)),
    ]


def test_faces_are_picked_evenly_as_far_as_there_are_any() -> None:
    assert pick(np.array([1, 0, 1, 1, 0, 1]), 2, 4).tolist() == [1, 4, 0, 2]
    assert pick(np.array([1, 1, 1]), 2, 4).tolist() == [0, 1]


def test_grids_place_images_and_fit_their_headings() -> None:
    black, grey = np.zeros((16, 16, 1), np.uint8), np.full((16, 16, 1), 128, np.uint8)
    assert [cell_size(s) for s in (16, 32, 64, 128)] == [112, 128, 128, 128]
    image = grid([[black, grey]], columns=["without Wearing_Lipstick", "b"], cell=50)
    assert image.getpixel((14 + 25, image.height - 30)) == (0, 0, 0)
    assert image.getpixel((14 + 56 + 25, image.height - 30)) == (128, 128, 128)
    assert wrapped("with Wearing_Hat", 10) == ["with", "Wearing", "Hat"]


def test_a_loss_that_starts_late_has_its_own_steps() -> None:
    lines = [{"step": 1, "a/x": 1.0, "images_per_second": 9.0}, {"step": 2, "a/x": 2.0, "b/y": 3.0}]
    assert series_of(lines) == {"a/x": ([1, 2], [1.0, 2.0]), "b/y": ([2], [3.0])}


def test_curves_take_the_colours_of_their_page() -> None:
    drawn = curve("a/x", [1, 2], [1.0, 2.0])
    assert drawn.startswith("<svg")
    assert "currentColor" in drawn
    assert "var(--accent)" in drawn
    assert "#010203" not in drawn
    assert drawn == curve("a/x", [1, 2], [1.0, 2.0])


def test_figures_are_grouped_ordered_and_written_by_unit() -> None:
    figures = {
        "sharpness": figure(2.5),
        "leakage_mean": figure(0.612, 0.6),
        "class_blond": figure(1),
        "psnr": figure(20),
    }
    found = list(rows(figures))
    assert [(r.group, r.value, r.interval, r.arrow) for r in found] == [
        ("Fidelity", "20.00 dB", "–", "↑"),
        ("Leakage", "61.2 %", "60.0 % – 60.0 %", "↓"),
        ("Other", "2.5", "–", ""),
        ("Editing", "100.0 %", "–", "↑"),
    ]
    assert [r.name for r in headline(figures)] == ["leakage_mean", "psnr"]
    text = markdown(evaluation_of(figures, {"ssim": "No reason."}))
    assert "| ssim | not measured: No reason. |" in text


def test_reasons_that_are_the_same_are_given_once():
    reasons = {"fid": "No weights.", "identity": "No network.", "identity_other": "No network."}
    assert missing(reasons) == [("fid", "No weights."), ("identity, identity_other", "No network.")]
    assert missing({}) == []


def test_bounds_below_nothing_are_shown_as_nothing():
    (row,) = rows({"leakage_bits_mlp_mean": Estimate(-0.02, -0.05, 0.0125, 9)})
    assert (row.value, row.interval) == ("0.000 bits", "0.000 bits – 0.013 bits")


def test_what_edits_move_most():
    def cell(value, correlated):
        return Movement(figure(value), None, correlated, None)

    cells = {"Male": cell(-0.25, 0.1), "Bangs": cell(0.01, 0.0), "Hat": cell(0.1, None), "Hair": cell(0.0, 0.0)}
    assert moved_most({"Smiling": cells, "Young": {}}, 2) == [("Smiling", "Male -0.250 (data +0.100), Hat +0.100")]
