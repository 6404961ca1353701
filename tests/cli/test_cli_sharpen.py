"""``attredit sharpen``: what it says, and what shows it afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from attredit.training.sharpening import Sharpened


def test_it_says_what_it_reached_and_what_to_type_next(attredit: Any, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    done = attredit("sharpen", tmp_path / "run", "--detail", 2, "--steps", 2, "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    said = done.stdout.replace("\n", " ")
    assert "Edits are drawn in 64x64 pixels now, learnt from 96 pictures of synthfaces." in said
    assert "In use: attredit edit" in said
    shown = " ".join(attredit("show", tmp_path / "run").stdout.split())
    assert "64 pixels, learnt from 96 pictures of synthfaces" in shown


def test_it_tells_how_well(attredit: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Sharpened(
        "loose",
        "collections/folder",
        1234,
        4,
        5,
        128,
        0.05,
        error_enlarged=0.06,
        sharpness=0.931,
        sharpness_enlarged=0.41,
    )
    monkeypatch.setattr("attredit.sharpening.sharpen", lambda *given, **how: found)
    said = attredit("sharpen", run).stdout.replace("\n", " ")
    assert "Edits are drawn in 128x128 pixels now, learnt from 1,234 pictures of loose." in said
    assert "On 128 others" in said
    assert "0.93 of its detail (enlarged: 0.41), and miss it by 12.8 of 255 (enlarged: 15.3)." in said


def test_options_of_no_data_set_are_refused(attredit: Any, run: Path) -> None:
    refused = attredit("sharpen", run, "--data-option", "train=4")
    assert refused.exit_code == 2
    assert "Add --dataset." in refused.stderr
