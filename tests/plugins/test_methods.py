"""Every registered method and preset: two steps at 32x32, an interruption, edits, samples, all commands."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_step import METHODS, narrow

from attredit import load
from attredit.errors import UsageError
from attredit.evaluation.judge_training import JudgeSettings
from attredit.files import read_tensors
from attredit.launch import evaluate, resume, train
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer

SHIPPED = {"ifcvaegan", "naive-cvaegan", "ifcvae", "cvae", "cvae-gan", "vae-gan", "fader", "csvae"}
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 36, 3), np.uint8)


class Killed(Exception):
    """What ends a training in the middle."""


class KillAfterSaving(Observer):
    def on_save(self, step: int) -> None:
        raise Killed


@pytest.fixture(autouse=True)
def few_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which styles are kept is no matter here: a few are tried, on fewer images."""
    monkeypatch.setattr("attredit.training.settling._TRIED", 8)
    monkeypatch.setattr("attredit.training.settling._TRIED_ON", 4)


def test_everything_that_ships_is_here() -> None:
    assert {method for method, _ in METHODS} >= SHIPPED


@pytest.mark.parametrize(
    ("method", "preset", "attributes"),
    [(m, p, ("Smiling", "Eyeglasses", "Male")) for m, p in METHODS]
    + [(m, p, ("Smiling",)) for m, p in METHODS if p == "default"],
)
def test_trains_resumes_edits_and_samples(
    request_for: Any, tmp_path: Path, method: str, preset: str, attributes: tuple[str, ...]
) -> None:
    request = functools.partial(
        request_for, method=method, preset=preset, attributes=attributes, steps=2, save_every=1, log_every=1,
        overrides=narrow(method, preset),
    )  # fmt: skip
    whole = RunDirectory(train(request(run_dir=str(tmp_path / "whole"))))
    with pytest.raises(Killed):
        train(request(run_dir=str(tmp_path / "killed")), observers=[KillAfterSaving()])
    killed = RunDirectory(tmp_path / "killed")
    assert read_tensors(killed.training_file)[1]["step"] == 1
    resume(killed.path, device="cpu")
    for file in ("model_file", "training_file"):
        assert getattr(killed, file).read_bytes() == getattr(whole, file).read_bytes()
    assert all(np.isfinite(list(line.values())).all() for line in whole.metrics())

    editor = load(whole.path)
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    code = editor.model.encode(images)
    assert code.attrs.shape == code.labels.shape == (3, len(attributes))
    for changes in ({}, {"Smiling": 1.5}):
        decoded = editor.model.decode(code, changes)
        assert decoded.shape == images.shape
        assert decoded.isfinite().all()
    assert set(editor.predict(PIXELS)) == set(attributes)
    assert editor.edit(PIXELS, Smiling=1).size == (36, 40)
    assert editor.edit(PIXELS, Smiling=1, mode="decoded").size == (32, 32)
    assert [frame.size for frame in editor.sweep(PIXELS, "Smiling", (0, 1))] == [(32, 32)] * 2
    if editor.config.recipe.prior is None:
        with pytest.raises(UsageError, match=rf"Method {method} cannot draw new images.*no prior"):
            editor.sample(2)
    else:
        assert len(editor.sample(2, Smiling=1)) == 2


@pytest.mark.parametrize("method", sorted(SHIPPED))
def test_builds_at_64_and_the_edit_follows_the_request(request_for: Any, method: str) -> None:
    overrides = narrow(method, "default")
    editor = load(train(request_for(method=method, overrides=overrides, steps=2, image_size=64)))
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    code = editor.model.encode(images)
    same, other = (editor.model.draw(code.z, attrs, code) for attrs in (code.labels, 1.0 - code.labels))
    assert same.shape == images.shape
    assert (same - other).abs().amax((1, 2, 3)).min() > 0


@pytest.mark.parametrize("method", sorted(SHIPPED))
def test_every_command(attredit_command: Any, request_for: Any, method: str, tmp_path: Path) -> None:
    run = train(request_for(method=method, overrides=narrow(method, "default"), steps=2))
    evaluate(run, limit=20, device="cpu", judge=JudgeSettings(width=4, epochs=1, steps=5))
    assert "predictor" in attredit_command("show", run).stdout
    attredit_command("report", run)
    assert (run / "report.html").is_file()
    sample = ("sample", run, "-n", 2, "-o", tmp_path / "samples.png")
    if method == "fader":
        refused = attredit_command(*sample, exit_code=2)
        assert "cannot draw new images: its latent has no prior" in " ".join(refused.stderr.split())
        assert not (tmp_path / "samples.png").exists()
    else:
        attredit_command(*sample)
        assert (tmp_path / "samples.png").is_file()
