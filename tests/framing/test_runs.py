"""A run that has learnt its images' frame: kept, read and resumed with it; edits happen where the subject is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit import Editor, load
from attredit.data import Frame
from attredit.errors import DataError
from attredit.files import below, read_tensors
from attredit.framing.network import FrameNetwork
from attredit.framing.search import SURE
from attredit.launch import resume, train
from attredit.runs.directory import RunDirectory

Scene = Callable[[int], tuple[Image.Image, Frame]]


@pytest.fixture(scope="module")
def run(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Too short to learn a frame."""
    return train(tiny_request(steps=2, run_dir=str(tmp_path_factory.mktemp("framed") / "run")))


@pytest.fixture
def editor(run: Path, network: FrameNetwork, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """Finds drawn faces, and makes whatever it sees white."""
    plain = load(run)
    editor = Editor(plain.config, plain.model, network)
    white = {0: torch.zeros, 1: torch.ones}
    monkeypatch.setattr(editor.model, "decode", lambda code, c=None, **_: white[bool(c)](len(code.mean), 3, 32, 32))
    return editor


def test_a_short_training_learns_no_frame(run: Path) -> None:
    assert not RunDirectory(run).config().frame
    assert load(run).frame is None


def test_the_subject_is_edited_and_nothing_else(editor: Editor, scene: Scene) -> None:
    picture, _ = scene(0)
    [found, *_] = editor.subjects(picture)
    assert editor.boxes(picture) == [found]
    assert found.sureness >= SURE
    before = np.asarray(picture)
    after = editor.edit(picture, Smiling=1, output="numpy")
    u, v = found.frame.seen(np.arange(240) + 0.5, (np.arange(180) + 0.5)[:, None])
    distance = np.maximum(abs(u), abs(v))
    np.testing.assert_array_equal(after[distance > 1.001], before[distance > 1.001])
    assert (after[distance < 0.9] != before[distance < 0.9]).any(1).mean() > 0.9
    np.testing.assert_array_equal(editor.edit(picture, Smiling=1, box=found, output="numpy"), after)


def test_a_picture_of_nothing_is_an_error(editor: Editor, tmp_path: Path) -> None:
    Image.new("RGB", (90, 70), "grey").save(tmp_path / "beach.png")
    with pytest.raises(DataError, match=r"No frame found in .*beach\.png: .* --box LEFT,TOP"):
        editor.edit(tmp_path / "beach.png", Smiling=1)
    box = (10, 10, 30, 30)
    assert editor.boxes(tmp_path / "beach.png", box)[0].sureness == 1.0


def test_a_frame_is_kept_read_and_resumed(request_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attredit.launch.FRAME_LEAST", 1)
    monkeypatch.setattr("attredit.launch.knows", lambda network, store, seed: True)
    run = train(request_for(steps=4))
    assert RunDirectory(run).config().frame
    kept = below("frame", read_tensors(run / "model.safetensors")[0])
    frame = load(run).frame
    assert frame is not None
    assert all(torch.equal(kept[name], value) for name, value in frame.state_dict().items())
    again = below("frame", read_tensors(resume(run, steps=6, device="cpu") / "model.safetensors")[0])
    assert all(torch.equal(kept[name], value) for name, value in again.items())
    assert len(kept) == len(again)


def test_none_is_learnt_where_none_is_wanted(request_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attredit.launch.FRAME_LEAST", 1)
    assert load(train(request_for(steps=2, frame="none"))).frame is None


def test_images_that_share_no_frame_give_none(request_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attredit.launch.FRAME_LEAST", 1)
    assert load(train(request_for(steps=2))).frame is None
