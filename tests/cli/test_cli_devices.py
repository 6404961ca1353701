"""``--device``: one check for every command that computes, and for Python."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from attredit import load
from attredit.devices import accelerator_for, device_of
from attredit.errors import UsageError
from attredit.launch import evaluate, resume, train
from attredit.request import Request

COMMANDS = ["train", "resume", "edit", "sweep", "sample", "evaluate"]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    # A driver that is too old has devices to count, and none to use.
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("device", ["abacus", "cuda", "mps", "cuda:0", "cpu:1", "cpu:", ""])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_is_not_here_is_refused_in_one_line(
    attredit: Any, train_arguments: list[str], run: Path, photos: Path, tmp_path: Path, command: str, device: str
) -> None:
    target = tmp_path / "new.png"
    arguments = {
        "train": [*train_arguments, "--run-dir", target],
        "resume": ["train", "--resume", run],
        "edit": ["edit", run, photos / "a.png", "--set", "Smiling=1", "-o", target],
        "sweep": ["sweep", run, photos / "a.png", "-o", target],
        "sample": ["sample", run, "-o", target],
        "evaluate": ["evaluate", run],
    }[command]
    before = sorted(run.rglob("*"))
    result = attredit(*arguments, "--device", device)
    assert result.exit_code == 2
    assert result.stderr == f"Error: Device {device!r} is not usable here. Usable: cpu.\n"
    assert not target.exists()
    assert sorted(run.rglob("*")) == before


@pytest.mark.usefixtures("no_gpu")
def test_python_has_the_same_check(run: Path) -> None:
    for call in (
        lambda: load(run, "abacus"),
        lambda: evaluate(run, device="abacus"),
        lambda: resume(run, device="abacus"),
        lambda: train(Request(attributes=["Smiling"], data_options={"train": 10}, device="abacus")),
    ):
        with pytest.raises(UsageError, match=r"Device 'abacus' is not usable here\. Usable: cpu\."):
            call()


def test_the_fastest_kind_is_taken_and_a_number_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(None) == torch.device("cuda")
    assert device_of("cuda:1") == torch.device("cuda:1")
    assert device_of("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match=r"'cuda:2' is not usable here\. Usable: cuda, cpu\."):
        device_of("cuda:2")
    with pytest.raises(UsageError, match=r"Use --device cuda, and let CUDA_VISIBLE_DEVICES=1 choose\."):
        accelerator_for("cuda:1", "fp32")


def test_processes_that_would_each_train_alone_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr("accelerate.Accelerator", lambda **_: SimpleNamespace(num_processes=1))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match=r"2 processes cannot share mps\. Start one, or use --device cpu\."):
        accelerator_for(None, "fp32")


def test_bf16_where_it_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.utils.is_bf16_available", lambda ignore_tpu: False)
    with pytest.raises(UsageError, match="Use --precision fp32"):
        accelerator_for("cpu", "bf16")
