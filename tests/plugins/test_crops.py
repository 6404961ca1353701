"""A crop is an option of training, kept in the run: what is edited is seen as what was trained on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from celeba_copies import FILES, LABELS, WHERE, official, wild
from PIL import Image

import attredit
from attredit.data import CROPS, prepare
from attredit_celeba.official import IMAGES, WILD_IMAGES
from attredit_celeba.source import NAMES, CelebA

TINY = ["--image-size=32", "--batch-size=3", "--device=cpu", "--set=latent_dim=4"]
TINY += [f"--set=parts.{part}.options.width=4" for part in ("encoder", "decoder")]
# One that some of the three training images have and some lack.
NAME = NAMES[int(np.flatnonzero((LABELS[:3].min(0) == 0) & (LABELS[:3].max(0) == 1))[0])]


@pytest.mark.parametrize("crop", CROPS)
def test_edits_see_what_training_saw(crop: str, tmp_path: Path, attredit_command: Any) -> None:
    boxed, run = crop == "box", tmp_path / "run"
    folder, boxes = (wild if boxed else official)(tmp_path / "data"), WHERE[:3] if boxed else None
    where = ["--dataset=celeba", "--data-dir", folder, "--attr", NAME]
    attredit_command("train", *where, *TINY, "--crop", crop, "--steps", 1, "--run-dir", run)
    assert json.loads((run / "config.json").read_text())["request"]["crop"] == crop
    editor = attredit.load(run)
    source = CelebA(image_size=32, data_dir=folder, boxes=boxed)
    store = prepare(source, "train", editor.geometry, name="celeba", workers=1)
    seen = store.batch(np.arange(3)).float() / 255
    files = [folder / (WILD_IMAGES if boxed else IMAGES) / file for file in FILES[:3]]
    asked = [shown[NAME] for shown in editor.predict(files, box=boxes)]
    torch.testing.assert_close(torch.tensor(asked), editor.model.probabilities(editor.model.encode(seen))[:, 0])
    with Image.open(files[0]) as picture:
        assert editor.edit(files[0], {NAME: 1}, box=boxes and boxes[0]).size == picture.size
    if not boxed:
        # The bars above and below, which are white, are seen by one crop alone.
        assert ((np.asarray(store.images) == 255).mean() > 0.05) == (crop == "none")
    attredit_command("train", "--resume", run, "--steps", 2)


def test_what_is_drawn_is_seen_whole(tmp_path: Path, attredit_command: Any) -> None:
    result = attredit_command("train", "--dataset=sprites", "--attr=Shape", "--crop=celeba", exit_code=2)
    assert re.search(r"^Error: sprites\b.* --crop celeba\b", result.stderr, re.M)


def test_data_without_boxes_say_how_they_could_have_some(attredit_command: Any) -> None:
    result = attredit_command("train", "--dataset=sprites", "--attr=Shape", "--crop=box", exit_code=2)
    assert re.search(r"^Error: .*\bsprites\b.* box\b", result.stderr, re.M)
    assert "columns x, y, width and height or bbox" in result.stderr
    assert "Other crops: none, centre, celeba." in result.stderr
