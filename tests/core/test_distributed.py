"""Two processes train what one process trains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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
    "labels are missing, ifcvaegan": {"preset": "photo", "overrides": CONFUSION},
    "labels are missing, cvae-gan": {"method": "cvae-gan"},
}
Pair = tuple[RunDirectory, RunDirectory]


# Trains the requests; then asks for what the processes see differently.
SCRIPT = """
import os, sys, torch
from pathlib import Path
from attredit.errors import AttrEditError
from attredit.launch import resume, train
from attredit.request import Request
from attredit.testing.launched import train_request
from attredit.training.trainer import Trainer

def say(*words):
    # One write: the processes share the pipe, and pieces of two lines would mix.
    sys.stdout.write(" ".join([os.environ["RANK"], *words]) + "\\n")
    sys.stdout.flush()

rank, (place, *files) = int(os.environ["RANK"]), sys.argv[1:]
paths, replace, trained = [], os.replace, Trainer.run
def noted(source, target, **more):
    paths.append(str(target))
    replace(source, target, **more)
os.replace = noted
def checked(running, *rest):
    trained(running, *rest)
    accelerator, run = running.accelerator, str(running.run_directory.path)
    written = [path for path in paths if path.startswith(run)]
    assert bool(written) == accelerator.is_main_process, (accelerator.process_index, written)
    flat = torch.cat([p.detach().flatten() for p in running.parts.parameters()])
    both = accelerator.gather(flat[None])
    assert torch.equal(both[0], both[1]), "ranks ended with different parameters"
    say("checked")
Trainer.run = checked
for file in files:
    train_request(Path(file))

unlike, faces = f"{place}/unlike", {"train": 96 - 8 * rank, "valid": 16, "test": 32}
more = {"attributes": ["Smiling"], "image_size": 32, "steps": 1, "batch_size": 8, "device": "cpu"}
for call in (
    lambda: train(Request(**more, data_options=faces, run_dir=unlike)),
    lambda: train(Request(**{**more, "batch_size": 9}, data_options={**faces, "train": 10**9}, run_dir=unlike)),
    lambda: resume(f"{place}/stopped{rank}", steps=9, device="cpu"),
):
    try:
        call()
        say("nothing is wrong")
    except AttrEditError as error:
        say(f"{type(error).__name__}: {error}")
os._exit(0)
"""


class Launched(NamedTuple):
    """What two processes did, and what one does: the runs of a case, where they lie, and lines of either process."""

    pair: Callable[[str], Pair]
    place: Path
    said: dict[str, list[str]]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory, tiny_request: Any, run_python: Any) -> Launched:
    """One launch for all tests: to start it takes the most time."""
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

    files = [place / f"{name}.json" for name in CASES]
    for name, file in zip(CASES, files, strict=True):
        file.write_text(request(name, place / name / "two").model_dump_json())
    for rank in range(2):
        train(tiny_request(run_dir=str(place / f"stopped{rank}"), steps=2 + rank))
    (place / "script.py").write_text(SCRIPT)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = run_python(*launcher, place / "script.py", place, *files)

    def pair(name: str) -> Pair:
        return RunDirectory(train(request(name, place / name / "one"))), RunDirectory(place / name / "two")

    return Launched(pair, place, {r: [x[2:] for x in done.stdout.splitlines() if x[:2] == f"{r} "] for r in "01"})


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
def test_two_processes_equal_one(name: str, launched: Launched) -> None:
    one, two = launched.pair(name)
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


def test_processes_that_have_different_things_all_refuse(launched: Launched) -> None:
    for said in launched.said.values():
        images, batch, step = said[-3:]
        assert re.fullmatch(
            r"RunError: The processes have different training images: 96 images \(\w+\), 88 images \(\w+\)\. All .*",
            images,
        )
        # Although so many faces would take days.
        assert batch.startswith("UsageError: A batch of 9 cannot be divided over 2 processes.")
        assert step.startswith("RunError: The processes have different checkpoints: step 2, step 3.")
    assert not (launched.place / "unlike").exists()


def test_only_the_first_process_writes_and_all_end_equal(launched: Launched) -> None:
    assert [said[:-3] for said in launched.said.values()] == 2 * [len(CASES) * ["checked"]]
