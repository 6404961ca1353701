"""Edits of pictures of any size, mode and type: the same picture gives the same edit, whatever it came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attredit import Editor, load
from attredit.errors import DataError, UsageError
from attredit.launch import train
from attredit.request import Request

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
GREY = PIXELS[..., 0]


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> Editor:
    small = {"image_size": 32, "steps": 30, "batch_size": 8, "data_options": tiny[0], "overrides": tiny[1]}
    run_dir = str(tmp_path_factory.mktemp("images") / "run")
    return load(train(Request(attributes=("Smiling",), run_dir=run_dir, device="cpu", **small)))


def edited(editor: Editor, image: Any, **more: Any) -> np.ndarray:
    return np.asarray(editor.edit(image, **{"Smiling": 3, "mode": "decoded", **more})).astype(int)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (33, 7), (32, 32), (31, 64), (500, 40), (257, 389)])
@pytest.mark.parametrize("mode", ["composite", "decoded"])
def test_any_size(editor: Editor, size: tuple[int, int], mode: Any) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8))
    assert editor.edit(image, Smiling=1, mode=mode).size == (size if mode == "composite" else (32, 32))
    assert set(editor.predict(image)) == {"Smiling"}


PALETTE = Image.fromarray(PIXELS).quantize(32)
SAME: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "grey as colour": (Image.fromarray(GREY), lambda image: image.convert("RGB")),
    "palette": (PALETTE, lambda image: image.convert("RGB")),
    "CMYK": (Image.fromarray(PIXELS).convert("CMYK"), lambda image: image.convert("RGB")),
    "YCbCr": (Image.fromarray(PIXELS).convert("YCbCr"), lambda image: image.convert("RGB")),
    "bilevel": (Image.fromarray(GREY).convert("1"), lambda image: image.convert("RGB")),
    "opaque": (Image.fromarray(PIXELS).convert("RGBA"), lambda image: image.convert("RGB")),
    "16 bits": (Image.fromarray(GREY.astype(np.uint16) * 257), lambda image: Image.fromarray(GREY)),
    "32 bits": (Image.fromarray(GREY.astype(np.int32) * 257), lambda image: Image.fromarray(GREY)),
    "array of grey": (GREY, Image.fromarray),
    "array of one channel": (GREY[..., None], lambda image: GREY),
    "tensor of one channel": (torch.from_numpy(GREY)[None], lambda image: GREY),
    "opaque array": (np.dstack([PIXELS, np.full_like(GREY, 255)]), lambda image: PIXELS),
    "opaque tensor": (
        torch.from_numpy(np.dstack([PIXELS, np.full_like(GREY, 255)])).permute(2, 0, 1),
        lambda image: PIXELS,
    ),
    "double precision": (PIXELS / 255.0, lambda image: PIXELS),
    "half precision": (torch.from_numpy(PIXELS).permute(2, 0, 1).half() / 255, lambda image: PIXELS),
    "strided": (np.asfortranarray(PIXELS)[::-1][::-1], lambda image: PIXELS),
    "read-only": (np.frombuffer(PIXELS.tobytes(), np.uint8).reshape(PIXELS.shape), lambda image: PIXELS),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_picture_in_another_guise_is_edited_alike(editor: Editor, name: str) -> None:
    image, plain = SAME[name]
    np.testing.assert_allclose(edited(editor, image), edited(editor, plain(image)), atol=1)
    assert np.asarray(editor.edit(image, Smiling=1, mode="composite")).shape[:2] == (48, 40)


def test_transparency_comes_back_and_the_edit_is_that_of_what_is_seen(editor: Editor) -> None:
    alpha = np.random.default_rng(2).integers(0, 256, GREY.shape, np.uint8)
    alpha[:8] = 0
    image = Image.fromarray(np.dstack([PIXELS, alpha]))
    result = editor.edit(image, Smiling=1)
    np.testing.assert_array_equal(np.asarray(result)[..., 3], alpha)
    np.testing.assert_array_equal(np.asarray(result)[:8, :, :3], PIXELS[:8])  # what nobody sees stays
    seen = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    after = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), result))[..., :3].astype(int)
    expected = np.asarray(editor.edit(seen, Smiling=1)).astype(int)
    # No colour shines through a veil that is brighter than it.
    reachable = (expected >= 255 - alpha[..., None].astype(int)) & (alpha[..., None] > 0)
    assert np.abs(after - expected)[reachable.repeat(3, 2) if reachable.shape[2] == 1 else reachable].max() <= 2
    assert editor.predict(image) == pytest.approx(editor.predict(seen), abs=1e-6)
    palette = PALETTE.copy()
    palette.info["transparency"] = 0
    assert editor.edit(palette, Smiling=1).getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_that_lies_on_its_side_is_turned_upright(editor: Editor, tmp_path: Path, turn: int) -> None:
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    upright, undo = Image.fromarray(PIXELS), turns[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    (upright if undo is None else upright.transpose(undo)).save(tmp_path / "photo.png", exif=exif)
    result = editor.edit(tmp_path / "photo.png", Smiling=1)
    np.testing.assert_array_equal(np.asarray(result), np.asarray(editor.edit(upright, Smiling=1)))
    assert 0x0112 not in result.getexif()  # or a viewer would turn it once more


def test_values_and_strengths_between_and_beyond_go_further_and_further(editor: Editor) -> None:
    start, end = edited(editor, PIXELS, Smiling=0), edited(editor, PIXELS, Smiling=1)
    assert np.abs(end - start).sum() > 0
    ways = [np.abs(edited(editor, PIXELS, Smiling=value) - start).sum() for value in (0, 0.25, 0.5, 1, 2, 4)]
    assert ways == sorted(ways)
    assert len(set(ways)) == len(ways)
    back = edited(editor, PIXELS, Smiling=-2)
    assert ((back - start) * (end - start)).sum() < 0  # the other way
    value = next(iter(editor.predict(PIXELS).values())) > 0.5  # what the picture has, as the decoder is told
    wanted = 1 - int(value)
    np.testing.assert_array_equal(
        edited(editor, PIXELS, Smiling=wanted, strength=1.5),
        edited(editor, PIXELS, Smiling=int(value) + 1.5 * (wanted - int(value))),
    )


def test_many_of_different_sizes_and_kinds_at_once(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    kinds = [
        tmp_path / "a.png",
        Image.fromarray(PIXELS[:20]),
        PIXELS[:, :11],
        torch.from_numpy(PIXELS).permute(2, 0, 1),
    ]
    together = editor.edit(kinds, Smiling=1)
    assert [image.size for image in together] == [(40, 48), (40, 20), (11, 48), (40, 48)]
    for image, alone in zip(together, [editor.edit(kind, Smiling=1) for kind in kinds], strict=True):
        np.testing.assert_allclose(np.asarray(image).astype(int), np.asarray(alone).astype(int), atol=1)
    with pytest.raises(UsageError, match="different sizes cannot be one batch"):
        editor.edit(kinds, Smiling=1, output="numpy")
    with pytest.raises(UsageError, match="There is no image"):
        editor.edit([], Smiling=1)


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((0, 4, 3), np.uint8), "is no image"),
        (np.zeros((4, 4, 2), np.uint8), "is no image"),
        (np.zeros(4, np.uint8), "is no image"),
        (np.zeros((4, 4, 3), bool), "ambiguous"),
        (np.full((4, 4, 3), np.nan), r"lie in \[0, 1\]"),
        (torch.full((3, 4, 4), -0.1), r"lie in \[0, 1\]"),
        (torch.zeros(4, 4), "is no image"),
        (None, "is no image"),
        (b"bytes", "is no image"),
    ],
)
def test_what_is_no_image_is_refused(editor: Editor, image: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        editor.edit(image, Smiling=1)


def test_files_that_are_none(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    for path in (tmp_path, tmp_path / "empty.png", tmp_path / "missing.png"):
        with pytest.raises(DataError, match=path.name):
            editor.edit(path, Smiling=1)
