"""Models that come with attredit: packed from a run, listed, and named wherever a RUN is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import attredit as package
from attredit.data.frames import Frame
from attredit.errors import RunError
from attredit.runs import named
from attredit.runs.pack import pack

MOST = 4 * 2**20


@pytest.fixture
def boxed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with one model, packed from the tiny run."""
    monkeypatch.setattr(named, "BOX", tmp_path / "box")
    return pack(run, tmp_path / "box" / "tiny-faces")


def test_a_packed_run_edits_as_the_run_does_in_half_the_bytes(boxed: Path, run: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    there, here = (
        package.load(place).edit(picture, Smiling=1, output="numpy", mode="decoded").astype(int)
        for place in (run, "tiny-faces")
    )
    assert np.abs(there - here).max() <= 2
    assert (boxed / "model.safetensors").stat().st_size < 0.6 * (run / "model.safetensors").stat().st_size
    assert {path.name for path in boxed.iterdir()} >= {"config.json", "README.md", "samples"}
    assert not (boxed / "training.safetensors").exists()


def test_packing_again_replaces_what_was_there_and_what_is_no_run_leaves_it(boxed: Path, run: Path) -> None:
    (boxed / "old.txt").write_text("old")
    pack(run, boxed)
    assert not (boxed / "old.txt").exists()
    with pytest.raises(RunError, match="is no run"):
        pack(boxed.parent, boxed)
    assert (boxed / "model.safetensors").is_file()


def test_commands_take_a_models_name_for_a_run(attredit: Any, boxed: Path, photos: Path) -> None:
    result = attredit("edit", "tiny-faces", photos / "a.png", "--set", "Smiling=1", "--box", "0,0,40,40")
    assert result.exit_code == 0, result.output
    with Image.open(photos / "a-edited.png") as edited:
        assert edited.size == (60, 48)
    assert "method" in attredit("show", "tiny-faces").stdout


def test_a_directory_of_that_name_is_meant_before_a_model(
    attredit: Any, boxed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert named.directory_of("tiny-faces") == boxed
    os.mkdir("tiny-faces")
    assert named.directory_of("tiny-faces") == Path("tiny-faces")
    assert "tiny-faces is no run" in attredit("show", "tiny-faces").stderr


def test_what_ships_is_small_says_what_it_must_not_be_used_for_and_edits() -> None:
    from attredit_synthfaces.source import SynthFaces

    assert "drawn-faces" in named.box()
    for directory in named.box().values():
        assert sum(file.stat().st_size for file in directory.rglob("*")) <= MOST
        card = (directory / "README.md").read_text()
        for words in ("## Not for", "should not be tried on people", "attredit train ", "drawn"):
            assert words in card, words
    editor, faces = package.load("drawn-faces"), SynthFaces(image_size=64)
    images = faces.image("test", range(12))
    edited = editor.edit(images, Eyeglasses=1, box=[Frame(32, 32, 64)] * 12, output="numpy")
    worn = [found["Eyeglasses"] for found in editor.predict(edited, box=[Frame(32, 32, 64)] * 12)]
    assert sum(value > 0.5 for value in worn) >= 9


def test_models_are_listed_with_what_they_edit(attredit: Any, boxed: Path) -> None:
    shown = attredit("models").stdout
    for word in ("tiny-faces", "Smiling, Eyeglasses", "synthfaces, 96 images", "32x32"):
        assert word in shown
