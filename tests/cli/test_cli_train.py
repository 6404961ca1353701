"""``attredit train``: happy path, options, resuming, interruption, and what is refused."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from attredit import files
from attredit.cli.options import nested
from attredit.errors import UsageError

FACES = ["--data-option", "train=96", "--data-option", "valid=16", "--data-option", "test=32"]


def test_training_says_what_it_does_and_what_comes_next(trained: Any) -> None:
    run, result = trained
    assert f"Run: {run}" in result.stdout
    assert f"attredit evaluate {run}" in result.stdout
    assert f"attredit edit {run}" in result.stdout
    assert "Training ifcvaegan:default on 96 images of synthfaces at 32x32, 6 steps of 8." in result.stderr
    assert "step 6 of 6" in result.stderr
    assert {p.name for p in run.iterdir()} >= {"config.json", "model.safetensors", "metrics.jsonl", "README.md"}
    assert [p.name for p in (run / "samples").iterdir()] == ["step-000006.png"]


def test_options_reach_the_run(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert [a["name"] for a in config["attributes"]] == ["Smiling", "Eyeglasses"]
    assert config["request"]["data_options"] == {"train": 96, "valid": 16, "test": 32}
    assert config["recipe"]["parts"]["encoder"]["options"]["width"] == 4
    assert (config["steps"], config["batch_size"]) == (6, 8)
    assert (config["request"]["log_every"], config["request"]["save_every"]) == (2, 4)


def test_the_card_names_data_attributes_commands_and_misuse(run: Path) -> None:
    card = (run / "README.md").read_text()
    assert card.startswith("# ifcvaegan on synthfaces: Smiling, Eyeglasses\n")
    for needed in (
        "96 training images", "`Smiling`, `Eyeglasses`", "attredit edit run photo.png --set Smiling=1",
        "without their consent", "surveillance", "cartoons", "--set parts.encoder.options.width=4",
        "6 of 6 steps", "samples/step-000006.png", "autoencoder/rec",
    ):  # fmt: skip
        assert needed in card, needed


def test_the_prevalence_is_said_of_images_and_of_balanced_batches(
    attredit: Any, trained: Any, train_arguments: list[str], tmp_path: Path
) -> None:
    _, plain = trained
    assert re.search(r"^Prevalence: Smiling: 0 \d+\.\d %, 1 \d+\.\d %; Eyeglasses: 0 ", plain.stderr, re.M)
    balanced = attredit(*train_arguments, "--balance", "Eyeglasses", "--steps", 1, "--run-dir", tmp_path / "run")
    said = r"; Eyeglasses: 0 (.*) % \(50\.0 % in batches\), 1 (.*) % \(50\.0 % in batches\)$"
    found = re.search(rf"^Prevalence, balanced on Eyeglasses: Smiling: 0 .*{said}", balanced.stderr, re.M)
    assert found
    assert float(found[1]) + float(found[2]) == pytest.approx(100)
    assert re.search(r"balanced on +Eyeglasses$", attredit("show", tmp_path / "run").stdout, re.M)
    refused = attredit("train", "--resume", tmp_path / "run", "--balance", "Smiling")
    assert refused.exit_code == 2
    assert "--balance" in refused.stderr


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["--method", "ifcvaegn"], "method 'ifcvaegn' ifcvaegan?"),
        (["--dataset", "synthface"], "dataset 'synthface' synthfaces?"),
        (["--preset", "papr"], "preset 'papr' paper?"),
        (["--attr", "Smilling"], "attribute 'Smilling' Smiling? Bangs, Blond_Hair,"),
        (["--set", "latent_dims=8"], "'latent_dims' latent_dim?"),
        (["--set", "latent_dim"], "'latent_dim' key=value"),
        (["--set", "latent_dim=-1"], "Recipe: latent_dim:"),
        (["--data-option", "tran=100"], "synthfaces 'tran'"),
        (["--data-dir", "somewhere"], "synthfaces somewhere"),
        (["--set", "parts.encoder.options.width=x"], "parts.encoder.options TypeError"),
        (["--device", "abacus"], "'abacus'"),
        (["--set", "parts.encoder.use=convv"], "encoder 'convv' conv?"),
        (["--set", "players.autoencoder.terms.klx=1"], "term 'klx' kl?"),
        (["--steps", "4", "--epochs", "1"], "steps epochs"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(
    attredit: Any, tmp_path: Path, arguments: list[str], names: str
) -> None:
    target = tmp_path / "run"
    attribute = [] if "--attr" in arguments else ["--attr", "Smiling"]
    result = attredit("train", *attribute, *FACES, "--image-size", 32, "--run-dir", target, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert all(name in result.stderr for name in names.split()), result.stderr
    assert result.stderr.count("\n") == 1
    assert not target.exists()


def test_a_class_without_examples_is_refused(attredit: Any, tmp_path: Path) -> None:
    one = ["--data-option", "train=1", "--image-size", 32, "--run-dir", tmp_path / "run"]
    result = attredit("train", "--attr", "Smiling", *one)
    assert result.exit_code == 2
    assert "Smiling" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_says_by_which_term_and_what_to_change(
    attredit: Any, train_arguments: list[str], tmp_path: Path
) -> None:
    runaway = ["--set", "players.autoencoder.terms.kl.limit=1e-9", "--steps", 4, "--log-every", 1]
    result = attredit(*train_arguments, *runaway, "--run-dir", tmp_path / "run")
    assert result.exit_code == 1
    error = result.stderr.splitlines()[-1]
    for name in ("autoencoder/kl", "players.autoencoder.optimizer.lr", "players.autoencoder.terms.penalty.weight"):
        assert name in error


def test_a_full_disk_is_an_error_after_which_the_run_goes_on_to_the_same_bytes(
    attredit: Any, train_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = ["--steps", 6, "--save-every", 2]
    assert attredit(*train_arguments, *length, "--run-dir", tmp_path / "whole").exit_code == 0
    replace, saved = files.os.replace, []

    def full(source: Any, target: Any) -> None:
        if str(target).endswith("training.safetensors"):
            saved.append(target)
            if len(saved) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    run = tmp_path / "full"
    result = attredit(*train_arguments, *length, "--run-dir", run)
    monkeypatch.undo()
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert str(run / "training.safetensors") in last
    assert os.strerror(errno.ENOSPC) in last
    assert not list(run.glob(".*"))
    assert attredit("train", "--resume", run, "--device", "cpu").exit_code == 0
    for name in ("model.safetensors", "training.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_steps_that_are_done_already_cannot_be_asked_for(attredit: Any, run: Path) -> None:
    before = (run / "config.json").read_bytes()
    result = attredit("train", "--resume", run, "--steps", 5, "--device", "cpu")
    assert result.exit_code == 2
    assert re.search(r"\b6\b.*--steps", result.stderr)
    assert (run / "config.json").read_bytes() == before


def test_without_an_attribute_they_are_listed(attredit: Any) -> None:
    result = attredit("train", *FACES, "--image-size", 32)
    assert result.exit_code == 2
    assert "Smiling" in result.stderr
    assert "Wearing_Hat" in result.stderr


def test_a_run_directory_that_is_taken_is_refused(attredit: Any, train_arguments: list[str], run: Path) -> None:
    result = attredit(*train_arguments, "--steps", 2, "--run-dir", run)
    assert result.exit_code == 1
    assert re.search(rf"{run}\b.*--resume", result.stderr)


def test_a_run_directory_that_cannot_be_made_is_an_error(
    attredit: Any, train_arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    result = attredit(*train_arguments, "--steps", 2, "--run-dir", tmp_path / "file" / "run")
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.stderr


def test_resume_goes_on_where_the_run_stopped(attredit: Any, run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    result = attredit("train", "--resume", copy, "--steps", 8, "--device", "cpu", "--log", "tensorboard")
    assert result.exit_code == 0, result.output
    assert "8 steps of 8 from step 6." in result.stderr
    assert json.loads((copy / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 8
    assert list((copy / "tensorboard").iterdir())


@pytest.mark.parametrize("option", [("--attr", "Male"), ("--seed", "0"), ("--set", "ema=0.9"), ("--run-dir", "x")])
def test_resume_takes_no_other_option(attredit: Any, run: Path, option: tuple[str, str]) -> None:
    before = (run / "config.json").read_bytes()
    result = attredit("train", "--resume", run, *option)
    assert result.exit_code == 2
    assert option[0] in result.stderr
    assert (run / "config.json").read_bytes() == before


def test_resuming_nothing_is_an_error(attredit: Any, tmp_path: Path) -> None:
    result = attredit("train", "--resume", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert str(tmp_path / "nowhere") in result.stderr


@pytest.mark.parametrize("saved", [40, 0])
def test_an_interruption_tells_how_to_continue(
    attredit: Any, run: Path, monkeypatch: pytest.MonkeyPatch, saved: int
) -> None:
    from attredit.runs.directory import RunDirectory

    def interrupted(request: Any, *, observers: Any, progress: Any) -> Path:
        [observer] = observers
        observer.on_start(RunDirectory(run).config(), RunDirectory(run), 0)
        observer.on_step(1)
        if saved:
            observer.on_save(saved)
        raise KeyboardInterrupt

    monkeypatch.setattr("attredit.launch.train", interrupted)
    result = attredit("train", "--attr", "Smiling")
    assert result.exit_code == 130
    assert (f"attredit train --resume {run}" in result.stderr, "step 40" in result.stderr) == (bool(saved),) * 2


def test_an_interruption_of_the_preparation_says_so(attredit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(request: Any, *, observers: Any, progress: Any) -> Path:
        progress(1, 100)
        raise KeyboardInterrupt

    monkeypatch.setattr("attredit.launch.train", interrupted)
    result = attredit("train", "--attr", "Smiling")
    assert result.exit_code == 130
    assert "Training had not started" in result.stderr


def test_every_request_field_has_its_option(attredit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []
    monkeypatch.setattr("attredit.launch.train", lambda request, **_: seen.append(request) or tmp_path)
    attredit("train")
    attredit(
        "train", "--method", "m", "--preset", "p", "--set", "a.b=1", "--dataset", "d", "--attr", "x", "--attr", "y",
        "--data-dir", "e", "--data-option", "correlation.Smiling.Blond_Hair=0.8", "--image-size", 16, "--steps", 3,
        "--epochs", 2.5, "--batch-size", 4, "--seed", 7, "--run-dir", "r", "--precision", "bf16", "--device", "cpu",
        "--log-every", 5, "--save-every", 6, "--log", "tensorboard",
    )  # fmt: skip
    from attredit.request import Request

    assert seen[0] == Request()
    assert seen[1] == Request(
        method="m", preset="p", overrides={"a.b": 1}, dataset="d", attributes=("x", "y"), data_dir="e",
        data_options={"correlation": {"Smiling": {"Blond_Hair": 0.8}}}, image_size=16, steps=3, epochs=2.5,
        batch_size=4, seed=7, run_dir="r", precision="bf16", device="cpu", log_every=5, save_every=6,
        log=("tensorboard",),
    )  # fmt: skip


def test_dotted_options_nest_and_contradictions_are_refused() -> None:
    assert nested(["a.b=1", "a.c=x", "d=[1, 2]"]) == {"a": {"b": 1, "c": "x"}, "d": [1, 2]}
    for items in (["a=1", "a.b=2"], ["a.b=2", "a=1"], ["a.b=1", "a.b.c=2"]):
        with pytest.raises(UsageError, match="set"):
            nested(items)


def test_other_processes_of_a_launch_print_nothing(attredit: Any, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr("attredit.launch.train", lambda request, **_: run)
    assert attredit("train", RANK="1", WORLD_SIZE="2").output == ""
    assert attredit("train", RANK="1").stdout.startswith("Run: ")
    assert attredit("train", RANK="0", WORLD_SIZE="2").stdout.startswith("Run: ")
