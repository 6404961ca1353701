"""Where the model's square is in a picture that is edited: around a box that is given, or as its crop says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit import Editor, load
from attredit.data import Box, Frame, Geometry
from attredit.data.geometry import frame_around
from attredit.errors import DataError, UsageError
from attredit.framing.search import Found
from attredit.launch import train
from attredit.request import Request

PIXELS = np.random.default_rng(0).integers(60, 190, (60, 80, 3), np.uint8)
BOX = (50, 20, 20, 16)
SQUARE = (47, 15, 73, 41)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> Path:
    where = {"data_options": tiny[0], "run_dir": str(tmp_path_factory.mktemp("faces") / "run"), "device": "cpu"}
    return train(Request(attributes=("Smiling",), image_size=32, steps=2, batch_size=8, overrides=tiny[1], **where))


@pytest.fixture
def editor(run: Path) -> Editor:
    """Of a run whose crop is `centre`."""
    return load(run)


@pytest.fixture
def boxed(editor: Editor) -> Editor:
    """The same, as if it had been trained with boxes."""
    editor.geometry = replace(editor.geometry, crop="box")
    return editor


def painted(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """A decoder that draws black without and white with the attribute, so that everything that may change does."""
    drawn = {False: torch.zeros, True: torch.ones}
    editor.model.known.count.zero_()  # kept styles would say where an edit belongs
    monkeypatch.setattr(
        editor.model, "decode", lambda code, changes=None, **_: drawn[bool(changes)](len(code.mean), 3, 32, 32)
    )
    return editor


@pytest.mark.parametrize("crop", ["none", "centre", "celeba", "box"])
def test_an_edit_changes_the_square_around_its_box_and_nothing_else(
    crop: Any, editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor.geometry = replace(editor.geometry, crop=crop)
    edited = painted(editor, monkeypatch).edit(PIXELS, Smiling=1, box=BOX, output="numpy")
    changed = (edited != PIXELS).any(axis=2)
    left, top, right, bottom = SQUARE
    assert changed[top:bottom, left:right].all()
    changed[top:bottom, left:right] = False
    assert not changed.any()


def test_a_square_beyond_the_image_changes_what_is_in_it(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = painted(editor, monkeypatch).edit(PIXELS, Smiling=1, box=(-6, 40, 20, 20), output="numpy")
    changed = (edited != PIXELS).any(axis=2)
    assert changed[37:, :17].all()
    assert changed.sum() == 23 * 17


def test_every_call_sees_what_the_box_says(boxed: Editor) -> None:
    seen = Image.fromarray(PIXELS).crop(SQUARE).resize((32, 32), Image.Resampling.BICUBIC)
    whole = torch.from_numpy(np.asarray(seen).copy()).permute(2, 0, 1)[None].float() / 255
    expected = boxed.model.probabilities(boxed.model.encode(whole))[0, 0].item()
    assert boxed.predict(PIXELS, box=BOX)["Smiling"] == pytest.approx(expected, abs=1e-6)
    both = boxed.predict([PIXELS, PIXELS], box=[(0, 0, 30, 30), BOX])
    assert both[1]["Smiling"] == pytest.approx(expected, abs=1e-6)
    assert both[0]["Smiling"] != both[1]["Smiling"]
    again = boxed.reconstruct(PIXELS, box=BOX, output="numpy")
    np.testing.assert_array_equal(boxed.reconstruct(PIXELS, box=np.array(BOX), output="numpy"), again)
    assert (boxed.reconstruct(PIXELS, box=(0, 0, 30, 30), output="numpy") != again).any()
    frames = boxed.sweep(PIXELS, "Smiling", (0, 1), box=BOX, output="numpy")
    has = {"Smiling": round(expected)}  # a sweep starts from what is predicted
    last = boxed.edit(PIXELS, Smiling=1, box=BOX, mode="decoded", output="numpy", given=has)
    np.testing.assert_array_equal(frames[1], last)
    assert boxed.sweep([PIXELS], "Smiling", (0, 1), box=[BOX])[0][1].size == (32, 32)


def test_without_a_box_other_crops_are_as_ever(editor: Editor) -> None:
    frames = [found.frame.bounds for found in editor.boxes([PIXELS, PIXELS])]
    assert frames == [(10, 0, 70, 60)] * 2
    centre = editor.reconstruct(PIXELS[:, 10:70], output="numpy")
    np.testing.assert_array_equal(editor.reconstruct(PIXELS, output="numpy"), centre)


def test_a_run_of_boxes_without_a_frame_asks_for_one(boxed: Editor, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "noise.png")
    with pytest.raises(UsageError, match=r"noise\.png\b.* --box LEFT,TOP,"):
        boxed.edit(tmp_path / "noise.png", Smiling=1)
    with pytest.raises(UsageError, match=r"No box is given for image 1,"):
        boxed.predict([PIXELS, PIXELS], box=[BOX, None])
    both = boxed.boxes([PIXELS, PIXELS], [BOX, (1, 2, 30, 40)])
    assert [one.frame for one in both] == [frame_around(Box(*BOX)), frame_around(Box(1, 2, 30, 40))]


def test_what_is_found_can_be_given(editor: Editor) -> None:
    frame = Frame(31.5, 28.0, 33.3, 20.0)
    [found] = editor.boxes(PIXELS, frame)
    assert found == Found(frame, 1.0)
    seen = [editor.predict(PIXELS, box=box) for box in (frame, found)]
    assert seen[0] == seen[1] != editor.predict(PIXELS)


@pytest.mark.parametrize(
    "box, message",
    [
        ((1, 2, 3), r"\(1, 2, 3\) is no box\. A box is left, top, width and height, in pixels"),
        ((1, 2, 3, 0), "is no box"),
        ("face", "'face' is no box"),
        (7, "7 is no box"),
    ],
)
def test_what_is_no_box(editor: Editor, box: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        editor.edit(PIXELS, Smiling=1, box=box)


@pytest.mark.parametrize("box", [BOX, [BOX], [BOX, BOX, BOX], 7])
def test_as_many_boxes_as_images(editor: Editor, box: Any) -> None:
    with pytest.raises(UsageError, match="One box for each of 2 images is needed"):
        editor.edit([PIXELS, PIXELS], Smiling=1, box=box)


def test_a_box_outside_is_refused(editor: Editor) -> None:
    with pytest.raises(DataError, match=r"75,20,20,16\b.* 80x60 pixels"):
        editor.edit(PIXELS, Smiling=1, box=(75, 20, 20, 16))


def test_training_and_editing_use_one_square(editor: Editor) -> None:
    assert Geometry(32, crop="box").frame(80, 60, Box(*BOX)).bounds == SQUARE
    assert editor.geometry.frame(80, 60, Box(*BOX)).bounds == SQUARE
