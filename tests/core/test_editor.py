"""Edits of anything that is an image; composite edits leave the rest alone, bit for bit; damaged runs are refused."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from attredit import Editor, files, load
from attredit.data import Frame
from attredit.editing.blending import blend
from attredit.editing.composite import change_of, edit_mask
from attredit.errors import DataError, PluginError, RunError, UsageError
from attredit.launch import train
from attredit.report.encoding import write_image


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> Path:
    from attredit.request import Request

    folder = tmp_path_factory.mktemp("editor")
    return train(
        Request(
            attributes=("Smiling", "Male"),
            image_size=32,
            steps=4,
            batch_size=8,
            data_options=tiny[0],
            overrides=tiny[1],
            run_dir=str(folder / "run"),
            device="cpu",
        )
    )


@pytest.fixture(scope="module")
def editor(run: Path) -> Editor:
    return load(run)


PIXELS = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)


def test_a_colour_profile_goes_with_the_edit(editor: Editor, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for ending in ("png", "jpg"):
        Image.fromarray(PIXELS).save(tmp_path / f"a.{ending}", icc_profile=profile)
        with Image.open(tmp_path / f"a.{ending}") as opened:
            for given in (tmp_path / f"a.{ending}", opened):
                edits = [editor.edit(given, Smiling=1, mode=mode) for mode in ("composite", "decoded")]
                assert [edit.info.get("icc_profile") for edit in edits] == [profile, profile]
        write_image(edits[0], tmp_path / f"b.{ending}")
        with Image.open(tmp_path / f"b.{ending}") as opened:
            assert opened.info["icc_profile"] == profile
    edits[0].save(tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as opened:
        assert opened.info["icc_profile"] == profile
    # What it says of colours, it does not say of other ones.
    Image.fromarray(PIXELS).convert("CMYK").save(tmp_path / "d.jpg", icc_profile=b"of inks")
    assert "icc_profile" not in editor.edit(tmp_path / "d.jpg", Smiling=1).info


@pytest.mark.parametrize("mode", ["composite", "decoded"])
def test_every_kind_of_image(editor: Editor, tmp_path: Path, mode: Any) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    tensor = torch.from_numpy(PIXELS).permute(2, 0, 1)
    kinds = [path, str(path), Image.fromarray(PIXELS), PIXELS, tensor]
    results = [np.asarray(editor.edit(kind, Smiling=1, mode=mode)) for kind in kinds]
    assert results[0].shape == ((48, 40, 3) if mode == "composite" else (32, 32, 3))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    batch = editor.edit(np.stack([PIXELS, PIXELS]), Smiling=1, mode=mode, output="numpy")
    np.testing.assert_array_equal(batch[1], results[0])
    floats = editor.edit(tensor[None].float() / 255, {"Smiling": 1}, mode=mode, output="tensor")
    assert floats.shape[:2] == (1, 3)
    assert np.abs(floats[0].permute(1, 2, 0).numpy() * 255 - results[0]).max() <= 0.51


@pytest.mark.parametrize("image_mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_modes_come_back_whole(editor: Editor, image_mode: str) -> None:
    image = Image.fromarray(PIXELS).convert(image_mode)
    edited = editor.edit(image, Smiling=1)
    assert edited.size == image.size
    assert ("A" in edited.getbands()) == (image_mode in ("RGBA", "LA"))


def test_strength_zero_changes_nothing(editor: Editor) -> None:
    np.testing.assert_array_equal(np.asarray(editor.edit(PIXELS, Smiling=1, strength=0)), PIXELS)


def test_composite_leaves_the_rest_bit_for_bit() -> None:
    original = np.random.default_rng(1).random((96, 80, 3)).astype(np.float32)
    before = np.zeros((32, 32, 3), np.float32)
    after = before.copy()
    after[14:18, 14:18] = 1.0
    result = blend(original, before, after, np.abs(after - before).max(-1, keepdims=True), Frame.within((0, 8, 80, 88)))
    changed = (result != original).any(2)
    assert changed.any()
    assert not changed[:8].any()
    assert not changed[88:].any()
    assert changed.mean() < 0.2
    np.testing.assert_allclose(result[46:50, 38:42], 1.0, atol=0.02)


def test_mask_is_zero_where_the_decoder_changes_nothing() -> None:
    same = torch.rand(2, 3, 64, 64)
    assert float(edit_mask(change_of(same, same)).abs().max()) == 0


def test_other_calls(editor: Editor) -> None:
    assert set(editor.predict(PIXELS)) == {"Smiling", "Male"}
    assert editor.reconstruct([PIXELS, PIXELS])[1].size == (32, 32)
    assert [frame.size for frame in editor.sweep(PIXELS, "Smiling", (0, 0.5, 1))] == [(32, 32)] * 3
    first, again = editor.sample(2, Smiling=1, seed=3), editor.sample(2, Smiling=1, seed=3)
    np.testing.assert_array_equal(np.asarray(first[1]), np.asarray(again[1]))


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((4, 4, 7), np.uint8), "is no image"),
        (np.full((4, 4, 3), 2.0), r"lie in \[0, 1\]"),
        (np.zeros((4, 4, 3), np.int64), "ambiguous"),
        (7, "is no image"),
    ],
)
def test_what_is_no_image(editor: Editor, image: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        editor.edit(image, Smiling=1)


def test_broken_files_and_requests(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("<html>")
    with pytest.raises(DataError, match=r"text\.png cannot be read: it is no image"):
        editor.edit(tmp_path / "text.png", Smiling=1)
    Image.fromarray(PIXELS).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:700])
    with pytest.raises(DataError, match=r"cut\.jpg cannot be read"):
        editor.edit(tmp_path / "cut.jpg", Smiling=1)
    with pytest.raises(UsageError, match=r"Unknown attribute 'Smilng'.*Did you mean Smiling\?"):
        editor.edit(PIXELS, Smilng=1)
    with pytest.raises(UsageError, match="is no value of Smiling"):
        editor.edit(PIXELS, Smiling=float("nan"))
    with pytest.raises(UsageError, match="Unknown mode"):
        editor.edit(PIXELS, Smiling=1, mode="magic")  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [b"", b"{}", None])
def test_damaged_checkpoints(run: Path, tmp_path: Path, damage: bytes | None) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    model = tmp_path / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(RunError, match=r"model\.safetensors is damaged"):
        load(tmp_path)


def test_missing_plugin_and_wrong_config(run: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["origins"]["encoder"] = {"id": "elsewhere/net", "distribution": "attredit-elsewhere", "version": "2.0"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(PluginError, match=r"pip install attredit-elsewhere==2\.0"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config\.json is damaged"):
        load(tmp_path)
    with pytest.raises(RunError, match="is no run"):
        load(tmp_path / "nowhere")


def test_full_disk_keeps_the_last_checkpoint(request_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = 0
    original = files.os.replace

    def replace(source: str, target: Path) -> None:
        nonlocal writes
        writes += str(target).endswith(".safetensors")
        if writes > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    with pytest.raises(RunError, match=r"No space left on device.*saved before is intact"):
        train(request_for())
    monkeypatch.undo()
    assert not list((tmp_path / "run").glob(".*safetensors*"))
    assert load(tmp_path / "run").sample(1)[0].size == (32, 32)


def test_directory_that_cannot_be_made_or_is_taken(request_for: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot create"):
        train(request_for(run_dir=str(tmp_path / "file" / "run")))
    done = train(request_for(steps=1))
    with pytest.raises(RunError, match="already holds a run"):
        train(request_for(run_dir=str(done)))


def test_a_class_without_examples(request_for: Any) -> None:
    with pytest.raises(DataError, match="has no example with value"):
        train(request_for(data_options={"train": 1, "valid": 16, "test": 16}))
