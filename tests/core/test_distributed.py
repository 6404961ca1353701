"""Two processes train what one process trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit.files import read_tensors

PLAYERS = {
    "ifcvaegan": ("autoencoder", "auxiliary"),
    "cvae-gan": ("classifier", "discriminator", "generator", "encoder"),
}


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


@pytest.mark.parametrize("method", list(PLAYERS))
def test_two_processes_equal_one_where_labels_are_missing(
    tmp_path: Path, train_command: Any, run_process: Any, method: str
) -> None:
    """Of batches of 8, of which the two halves know unequally many labels, or none."""
    random, rows = np.random.default_rng(0), ["file_name,split,Left,Hair"]
    for i in range(40):
        pixels = random.integers(0, 120, (32, 32, 3), np.uint8)
        pixels[:, : 16 * (i % 2)] += 100
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        labels = [word if random.random() < 0.4 else "" for word in (str(i % 2), "abc"[i % 3])]
        rows.append(",".join([f"{i}.png", "test" if i == 39 else "train", *labels]))
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    one, two = tmp_path / "one", tmp_path / "two"
    use = [f"--method={method}", f"--dataset=folder:{tmp_path}", "--attr=Left", "--attr=Hair"]
    use += [f"--set=players.{player}.optimizer.options.eps=0.001" for player in PLAYERS[method]]
    if method == "ifcvaegan":
        use += ["--set=parts.factorizer.use=confusion", "--set=parts.factorizer.options.width=16"]
    for run, processes in ((one, 0), (two, 2)):
        command = train_command(run, *use, processes=processes)
        run_process([word for word in command if not word.startswith("--data-option") and word != "--attr=Smiling"])
    single, double = (read_tensors(run / "training.safetensors")[0] for run in (one, two))
    for name, tensor in single.items():
        if name.startswith(("parts", "terms")):
            torch.testing.assert_close(double[name], tensor, rtol=1e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
    last = [json.loads((run / "metrics.jsonl").read_text().splitlines()[-1]) for run in (one, two)]
    for name in last[0].keys() - {"images_per_second"}:
        assert last[0][name] == pytest.approx(last[1][name], rel=1e-3, abs=1e-5), name


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
