"""Two processes train what one process trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from attredit.files import read_tensors


@pytest.mark.parametrize("factorizer", ["mmd", "confusion"])
def test_two_processes_equal_one(tmp_path: Path, train_command: Any, run_process: Any, factorizer: str) -> None:
    use = [f"--set=parts.factorizer.use={factorizer}"]
    if factorizer == "confusion":
        use += ["--set=parts.factorizer.options.width=16", "--set=parts.factorizer.options.normalize=true"]
        use += ["--set=players.auxiliary.repeats=2", "--balance=Eyeglasses", "--augment=flip", "--augment=jitter"]
    # With its usual epsilon, Adam turns the rounding noise of vanishing gradients into whole steps.
    use += ["--set=players.autoencoder.optimizer.options.eps=0.001"]
    one, two = tmp_path / "one", tmp_path / "two"
    run_process(train_command(one, *use))
    run_process(train_command(two, *use, processes=2))
    single, _ = read_tensors(one / "model.safetensors")
    double, _ = read_tensors(two / "model.safetensors")
    assert single.keys() == double.keys()
    for name, tensor in single.items():
        torch.testing.assert_close(double[name], tensor, rtol=1e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
    # Not by standing still: the same comparison against the initial weights fails by far.
    moved = [abs(tensor).max() for tensor in single.values()]
    assert max(moved) > 0.1
    logs = [[json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in (one, two)]
    assert [line["step"] for line in logs[0]] == [line["step"] for line in logs[1]] == [2, 4, 6, 8]
    assert logs[0][-1]["autoencoder/rec"] == pytest.approx(logs[1][-1]["autoencoder/rec"], rel=1e-4)


WRITES = """
import os, sys, torch
from attredit.trainer import Trainer
paths, replace, train = [], os.replace, Trainer.run
def noted(source, target, **more):
    paths.append(str(target))
    replace(source, target, **more)
os.replace = noted
def checked(running, *rest):
    train(running, *rest)
    accelerator, run = running.accelerator, str(running.run_directory.path)
    written = [path for path in paths if path.startswith(run)]
    assert bool(written) == accelerator.is_main_process, (accelerator.process_index, written)
    flat = torch.cat([p.detach().flatten() for p in running.parts.parameters()])
    both = accelerator.gather(flat[None])
    assert torch.equal(both[0], both[1]), "ranks ended with different parameters"
    # One write: the processes share the pipe, and pieces of two lines would mix.
    sys.stdout.write(f"checked {accelerator.process_index}\\n")
    sys.stdout.flush()
Trainer.run = checked
import attredit.cli
sys.argv[0] = "attredit"
attredit.cli.main()
"""


def test_only_the_first_process_writes_and_all_end_equal(tmp_path: Path, train_command: Any, run_process: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(WRITES)
    command = train_command(tmp_path / "run", processes=2)
    at = command.index("attredit") - 1
    done = run_process([*command[:at], str(script), *command[at + 2 :]])
    assert "checked 0" in done.stdout
    assert "checked 1" in done.stdout
