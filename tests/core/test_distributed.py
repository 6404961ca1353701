"""Two processes train what one process trains."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit.files import read_tensors
from attredit.launch import train
from attredit.request import Request
from attredit.runs.directory import RunDirectory

CONFUSION = {"parts.factorizer.use": "confusion", "parts.factorizer.options.width": 16}
NETWORKS = {"parts.classifier.options.width": 4, "parts.discriminator.options.width": 4}
PLAYERS = {
    "ifcvaegan": ("autoencoder", "auxiliary"),
    "cvae-gan": ("classifier", "discriminator", "generator", "encoder"),
}
CASES: dict[str, dict[str, Any]] = {
    "mmd": {"overrides": {"parts.factorizer.use": "mmd"}},
    "confusion": {
        "overrides": {**CONFUSION, "parts.factorizer.options.normalize": True, "players.auxiliary.repeats": 2},
        "balance": ("Eyeglasses",),
        "augment": ("flip", "jitter"),
    },
    "cvae-gan": {"method": "cvae-gan", "overrides": NETWORKS},
    "labels are missing, ifcvaegan": {"overrides": CONFUSION},
    "labels are missing, cvae-gan": {"method": "cvae-gan"},
}
Pair = tuple[RunDirectory, RunDirectory]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, tiny_request: Any, run_process: Any) -> Callable[[str], Pair]:
    """The runs of a case, trained by one process and by two, which all cases share."""
    place = tmp_path_factory.mktemp("pairs")
    some_labels_missing(place / "images")

    def request(name: str, run: Path) -> Request:
        asked = CASES[name]
        if name.startswith("labels are missing"):
            asked = {
                **asked,
                "dataset": f"folder:{place / 'images'}",
                "data_options": {},
                "attributes": ("Left", "Hair"),
            }
        # With its usual epsilon, Adam turns the rounding noise of vanishing gradients into whole steps.
        players = PLAYERS[asked.get("method", "ifcvaegan")]
        epsilon = {f"players.{player}.optimizer.options.eps": 1e-3 for player in players}
        made: Request = tiny_request(
            run_dir=str(run), **{**asked, "overrides": {**asked.get("overrides", {}), **epsilon}}
        )
        return made

    files = []
    for name in CASES:
        files.append(place / f"{name}.json")
        files[-1].write_text(request(name, place / name / "two").model_dump_json())
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run_process([sys.executable, *launcher, "-m", "attredit.testing.launched", *map(str, files)])

    def trained(name: str) -> Pair:
        return RunDirectory(train(request(name, place / name / "one"))), RunDirectory(place / name / "two")

    return trained


def some_labels_missing(folder: Path) -> None:
    """Write images, of which the two halves of a batch of 8 know unequally many labels, or none."""
    folder.mkdir()
    random, rows = np.random.default_rng(0), ["file_name,split,Left,Hair"]
    for i in range(40):
        pixels = random.integers(0, 120, (32, 32, 3), np.uint8)
        pixels[:, : 16 * (i % 2)] += 100
        Image.fromarray(pixels).save(folder / f"{i}.png")
        labels = [word if random.random() < 0.4 else "" for word in (str(i % 2), "abc"[i % 3])]
        rows.append(",".join([f"{i}.png", "test" if i == 39 else "train", *labels]))
    (folder / "metadata.csv").write_text("\n".join(rows))


@pytest.mark.parametrize("name", CASES)
def test_two_processes_equal_one(name: str, pair: Callable[[str], Pair]) -> None:
    one, two = pair(name)
    for file in ("model_file", "training_file"):
        single, double = (read_tensors(getattr(run, file))[0] for run in (one, two))
        assert single.keys() == double.keys()
        names = [n for n in single if file == "model_file" or n.startswith(("parts.", "terms."))]
        for n in names:
            torch.testing.assert_close(double[n], single[n], rtol=1e-3, atol=2e-4, msg=lambda m, n=n: f"{n}: {m}")
        # Not by standing still: the same comparison against the initial weights fails by far.
        assert max(single[n].abs().max() for n in names) > 0.1
    logs = [run.metrics() for run in (one, two)]
    assert [line["step"] for line in logs[0]] == [line["step"] for line in logs[1]] == [2, 4, 6, 8]
    for told in logs[0][-1].keys() - {"images_per_second"}:
        assert logs[0][-1][told] == pytest.approx(logs[1][-1][told], rel=1e-3, abs=1e-5), told


WRITES = """
import os, sys, torch
from attredit.training.trainer import Trainer
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


UNLIKE = """
import os, sys
from attredit.errors import AttrEditError
from attredit.launch import resume, train
from attredit.request import Request
rank, (place, *copies) = int(os.environ["RANK"]), sys.argv[1:]
faces = {"train": 96 - 8 * rank, "valid": 16, "test": 32}
more = {"attributes": ["Smiling"], "image_size": 32, "steps": 1, "batch_size": 8}
for call in (
    lambda: train(Request(**more, data_options=faces, run_dir=place)),
    lambda: train(Request(**{**more, "batch_size": 9}, data_options={**faces, "train": 10**9}, run_dir=place)),
    lambda: resume(copies[rank], steps=9),
):
    try:
        call()
        said = "nothing is wrong"
    except AttrEditError as error:
        said = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"{rank} {said}\\n")
    sys.stdout.flush()
os._exit(0)
"""


def test_processes_that_have_different_things_all_refuse(tmp_path: Path, request_for: Any, run_process: Any) -> None:
    (tmp_path / "script.py").write_text(UNLIKE)
    copies = [train(request_for(run_dir=str(tmp_path / name), steps=steps)) for name, steps in (("a", 2), ("b", 3))]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run_process([*launcher, str(tmp_path / "script.py"), str(tmp_path / "run"), *map(str, copies)])
    for rank in "01":
        images, batch, step = (line[2:] for line in done.stdout.splitlines() if line.startswith(f"{rank} "))
        assert re.fullmatch(
            r"RunError: The processes have different training images: 96 images \(\w+\), 88 images \(\w+\)\. All .*",
            images,
        )
        # Although so many faces would take days.
        assert batch.startswith("UsageError: A batch of 9 cannot be divided over 2 processes.")
        assert step.startswith("RunError: The processes have different checkpoints: step 2, step 3.")
    assert not (tmp_path / "run").exists()


def test_only_the_first_process_writes_and_all_end_equal(tmp_path: Path, train_command: Any, run_process: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(WRITES)
    command = train_command(tmp_path / "run", processes=2)
    at = command.index("attredit") - 1
    done = run_process([*command[:at], str(script), *command[at + 2 :]])
    assert "checked 0" in done.stdout
    assert "checked 1" in done.stdout
