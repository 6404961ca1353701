"""Options of a training that change what it computes: precision, averaged weights, shared statistics."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attredit import load
from attredit.errors import RunError
from attredit.files import below, read_tensors
from attredit.launch import resume, train
from attredit.training.observer import Observer
from attredit.training.trainer import synchronised


class Impatient(Observer):
    """Interrupts a training between two checkpoints."""

    def on_step(self, step: int) -> None:
        if step == 7:
            raise KeyboardInterrupt


def last_metrics(run: Path) -> dict[str, float]:
    lines: list[dict[str, float]] = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return lines[-1]


def test_bf16_computes_otherwise_keeps_its_weights_in_fp32_and_resumes_exactly(
    request_for: Any, tmp_path: Path
) -> None:
    # One process after the other precision: accelerate alone would refuse the second.
    full = train(request_for(run_dir=str(tmp_path / "fp32")))
    half = train(request_for(run_dir=str(tmp_path / "bf16"), precision="bf16"))
    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        train(request_for(run_dir=str(part), precision="bf16"), observers=[Impatient()])
    resume(part, device="cpu")
    weights, _ = read_tensors(half / "training.safetensors")
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {torch.float32}
    assert (full / "model.safetensors").read_bytes() != (half / "model.safetensors").read_bytes()
    assert (part / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()
    one, other = last_metrics(full), last_metrics(half)
    assert other["autoencoder/rec"] == pytest.approx(one["autoencoder/rec"], rel=0.02)
    assert json.loads((half / "config.json").read_text())["request"]["precision"] == "bf16"
    assert load(half).sample(1)[0].size == (32, 32)


def test_what_terms_remember_is_not_rounded_to_bf16(request_for: Any) -> None:
    overrides = {"parts.discriminator.options.width": 4}
    run = train(request_for(method="vae-gan", precision="bf16", steps=2, overrides=overrides))
    state, _ = read_tensors(run / "training.safetensors")
    sums = {name: tensor.dtype for name, tensor in state.items() if name.endswith("sums")}
    assert sums
    assert set(sums.values()) == {torch.float32}


@pytest.mark.parametrize("fact, value", [("images", 77), ("fingerprint", "0" * 16)])
def test_a_run_is_not_continued_on_other_data(fact: str, value: Any, request_for: Any, tmp_path: Path) -> None:
    run = train(request_for(run_dir=str(tmp_path / "run"), steps=1))
    config = json.loads((run / "config.json").read_text())
    config["data"][fact] = value
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="have changed since it was started"):
        resume(run, steps=2, device="cpu")


class Checkpoints(Observer):
    """Reads every checkpoint as it is written."""

    def __init__(self, run: Path) -> None:
        self.run, self.seen = run, list[dict[str, Tensor]]()

    def on_save(self, step: int) -> None:
        tensors, _ = read_tensors(self.run / "training.safetensors")
        assert step == len(self.seen) + 1
        self.seen.append(tensors)


def test_averaged_weights_follow_the_trained_ones_and_are_what_is_kept(request_for: Any, tmp_path: Path) -> None:
    watching = Checkpoints(tmp_path / "run")
    run = train(request_for(steps=4, save_every=1, overrides={"ema": 0.75}), observers=[watching])
    assert len(watching.seen) == 4
    for before, now in zip(watching.seen, watching.seen[1:], strict=False):
        for name, tensor in below("average", now).items():
            expected = 0.75 * before[f"average.{name}"] + 0.25 * now[f"parts.{name}"]
            torch.testing.assert_close(tensor, expected, rtol=1e-5, atol=1e-7)
    model, _ = read_tensors(run / "model.safetensors")
    last = watching.seen[-1]
    assert all(
        torch.equal(tensor, last[f"average.{name}"]) for name, tensor in model.items() if not name.startswith("known.")
    )
    assert any(not torch.equal(tensor, last[f"parts.{name}"]) for name, tensor in model.items())


@pytest.mark.parametrize("processes, device, kind", [(2, "cuda", nn.SyncBatchNorm), (1, "cuda", nn.BatchNorm2d),
                                                     (2, "cpu", nn.BatchNorm2d)])  # fmt: skip
def test_batch_statistics_are_shared_on_gpus_only(processes: int, device: str, kind: type[nn.Module]) -> None:
    parts = nn.ModuleDict({"encoder": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))})
    engine: Any = SimpleNamespace(num_processes=processes, device=torch.device(device))
    assert type(synchronised(parts, engine)["encoder"][1]) is kind
