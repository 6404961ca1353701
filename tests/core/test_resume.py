"""A killed run, resumed, ends with the same bytes as one that was never stopped."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from attredit.launch import resume, train
from attredit.runs.directory import RunDirectory


def kill_after(command: list[str], run: Path, step: int) -> None:
    """Start a training and SIGKILL it once it has logged a step."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    metrics, deadline = run / "metrics.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline:
        if metrics.exists() and f'"step": {step},' in metrics.read_text():
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
            return
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.001)
    process.kill()
    pytest.fail("the step was never reached")


def test_killed_and_resumed_gives_the_same_bytes(tmp_path: Path, train_command: Any, tiny_request: Any) -> None:
    # An adversary with its own optimiser and repeats, an averaged model: everything that has state.
    overrides = {
        "parts.factorizer.use": "confusion", "parts.factorizer.options.width": 16,
        "players.auxiliary.repeats": 2, "ema": 0.9,
    }  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(tiny_request(run_dir=str(whole), steps=80, save_every=20, overrides=overrides))
    more = ["--steps=80", "--save-every=20", *(f"--set={key}={value}" for key, value in overrides.items())]
    kill_after(train_command(killed, *more), killed, 32)
    resume(killed, device="cpu")
    for name in ("model.safetensors", "training.safetensors"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    steps = [line.split(",")[0] for line in (killed / "metrics.jsonl").read_text().splitlines()]
    assert steps == [f'{{"step": {s}' for s in range(2, 81, 2)]


def test_a_last_checkpoint_that_was_cut_short_is_completed(
    tmp_path: Path, tiny_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = (str(tmp_path / name) for name in ("whole", "cut"))
    train(tiny_request(run_dir=whole, steps=8, save_every=4))
    saved = RunDirectory.save_model

    def killed(run: RunDirectory, model: Any, step: int) -> None:
        if step == 8:
            raise KeyboardInterrupt  # between the two files
        saved(run, model, step)

    monkeypatch.setattr(RunDirectory, "save_model", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_request(run_dir=cut, steps=8, save_every=4))
    monkeypatch.undo()
    resume(cut, device="cpu")
    for name in ("model.safetensors", "training.safetensors"):
        assert (Path(whole) / name).read_bytes() == (Path(cut) / name).read_bytes(), name


def test_every_checkpoint_resumes_exactly(request_for: Any, tmp_path: Path) -> None:
    whole = train(
        request_for(
            run_dir=str(tmp_path / "whole"),
            method="ifcvaegan",
            preset="reference",
            augment=("flip", "jitter"),
            overrides={"parts.discriminator.options.width": 4, "parts.factorizer.options.width": 8},
        )
    )
    part = train(
        request_for(
            run_dir=str(tmp_path / "part"),
            method="ifcvaegan",
            preset="reference",
            augment=("flip", "jitter"),
            steps=4,
            overrides={"parts.discriminator.options.width": 4, "parts.factorizer.options.width": 8},
        )
    )
    resume(part, steps=8, device="cpu")
    assert (whole / "model.safetensors").read_bytes() == (part / "model.safetensors").read_bytes()


def test_another_seed_gives_other_bytes(request_for: Any, tmp_path: Path) -> None:
    runs = [train(request_for(run_dir=str(tmp_path / str(seed)), seed=seed, steps=4)) for seed in (0, 0, 1)[1:]]
    first, second = ((run / "model.safetensors").read_bytes() for run in runs)
    assert first != second
