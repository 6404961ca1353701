"""``attredit edit``: where results go, what is never overwritten, and broken pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from attredit.editing import editor
from attredit.errors import DataError


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_one_picture_to_a_named_file(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.png"
    result = attredit("edit", run, photos / "a.png", "--set", "Smiling=1", "--set", "Eyeglasses=0.5", "-o", target)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Wrote {target}\n"
    with Image.open(target) as image:
        assert (image.size, image.mode) == ((60, 48), "RGB")


def test_decoded_pictures_have_the_size_of_the_model(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    attredit("edit", run, photos / "a.png", "--set", "Smiling=1", "--mode", "decoded", "-o", target)
    with Image.open(target) as image:
        assert image.size == (32, 32)


def test_no_strength_is_no_change(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    attredit("edit", run, photos / "a.png", "--set", "Smiling=1", "--strength", 0, "-o", target)
    with Image.open(target) as edited, Image.open(photos / "a.png") as original:
        assert edited.tobytes() == original.tobytes()


def test_values_between_and_beyond_and_more_than_all_of_the_strength(
    attredit: Any, run: Path, photos: Path, tmp_path: Path
) -> None:
    pictures = []
    for value, strength in ((0, 1), (0.5, 1), (1, 1), (2, 2.5), (3, 1), (-2, 1)):
        target = tmp_path / f"{len(pictures)}.png"
        how = ["--set", f"Smiling={value}", "--strength", strength, "--mode", "decoded", "-o", target]
        result = attredit("edit", run, photos / "a.png", *how)
        assert result.exit_code == 0, result.output
        pictures.append(target.read_bytes())
    assert len(set(pictures)) == len(pictures)


def test_a_folder_keeps_names_and_leaves_the_rest(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    before = snapshot(photos)
    result = attredit("edit", run, photos, "--set", "Smiling=1", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg"]
    assert "Wrote 2 pictures" in result.stdout
    assert snapshot(photos) == before


def test_without_an_output_nothing_is_overwritten(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    before = snapshot(photos)
    for expected in ("a-edited.png", "a-edited-2.png"):
        result = attredit("edit", run, photos / "a.png", "--set", "Smiling=1")
        assert result.stdout == f"Wrote {photos / expected}\n"
    assert {k: v for k, v in snapshot(photos).items() if k in before} == before
    attredit("edit", run, photos, "--set", "Smiling=1")
    assert "a.png" in [p.name for p in (tmp_path / "photos-edited").iterdir()]


def test_an_input_is_overwritten_only_when_it_is_the_stated_output(attredit: Any, run: Path, photos: Path) -> None:
    before = snapshot(photos)
    result = attredit("edit", run, photos, "--set", "Smiling=1", "-o", photos)
    assert result.exit_code == 2
    assert str(photos / "a.png") in result.stderr
    assert snapshot(photos) == before
    assert attredit("edit", run, photos / "b.jpg", "--set", "Smiling=1", "-o", photos / "b.jpg").exit_code == 0


def test_broken_pictures_are_named_after_the_others_are_done(
    attredit: Any, run: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "0broken.png").write_bytes((photos / "a.png").read_bytes()[:300])
    (photos / "none.jpg").write_bytes(b"")
    # What it is called says that its transparency cannot be written.
    Image.new("RGBA", (40, 40), (200, 150, 100, 90)).save(photos / "1clear.jpg", "PNG")
    result = attredit("edit", run, photos, "--set", "Smiling=1", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg"]
    assert "0broken.png" in result.stderr
    assert "none.jpg" in result.stderr
    assert "1clear.jpg" in result.stderr
    assert "3 of 5" in result.stderr


def test_a_single_broken_picture_is_an_error(attredit: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    result = attredit("edit", run, tmp_path / "broken.png", "--set", "Smiling=1", "-o", tmp_path / "out.png")
    assert result.exit_code == 2
    assert "broken.png" in result.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    "arguments, code, names",
    [
        (["a.png", "--set", "Smilin=1"], 2, "attribute 'Smilin' Smiling?"),
        (["a.png", "--set", "Smiling=very"], 2, "'very' Smiling"),
        (["a.png", "--set", "Smiling=NaN"], 2, "nan Smiling"),
        (["a.png", "--set", "Smiling=1", "--strength", "inf"], 2, "strength inf"),
        (["a.png", "--set", "Smiling"], 2, "'Smiling' key=value"),
        (["a.png"], 2, "--set Smiling, Eyeglasses"),
        (["nothing.png", "--set", "Smiling=1"], 2, "nothing.png"),
        (["a.png", "--set", "Smiling=1", "-o", "out.xyz"], 2, "out.xyz"),
        (["a.png", "b.jpg", "--set", "Smiling=1", "-o", "notes.txt"], 2, "notes.txt"),
        (["a.png", "a.png", "--set", "Smiling=1", "-o", "out"], 2, "out/a.png"),
        (["a.png", "--set", "Smiling=1", "-o", "notes.txt/out.png"], 1, "notes.txt"),
        (["a.png", "--set", "Smiling=1", "--device", "abacus"], 2, "'abacus'"),
    ],
)
def test_what_cannot_be_is_refused(
    attredit: Any, run: Path, photos: Path, monkeypatch: Any, arguments: list[str], code: int, names: str
) -> None:
    monkeypatch.chdir(photos)
    before = snapshot(photos)
    result = attredit("edit", run, *arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert all(name in result.stderr for name in names.split()), result.stderr
    assert snapshot(photos) == before


def test_an_empty_folder_is_an_error(attredit: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = attredit("edit", run, tmp_path / "empty", "--set", "Smiling=1")
    assert result.exit_code == 2
    assert str(tmp_path / "empty") in result.stderr


def test_a_missing_run_is_an_error(attredit: Any, photos: Path) -> None:
    result = attredit("edit", "nowhere", photos / "a.png", "--set", "Smiling=1")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_outputs_are_whole_or_absent(
    attredit: Any, run: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"what was there before")

    def full(source: Any, destination: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("attredit.files.os.replace", full)
    result = attredit("edit", run, photos / "a.png", "--set", "Smiling=1", "-o", target)
    assert result.exit_code == 1
    assert str(target) in result.stderr
    assert "No space left on device" in result.stderr
    assert snapshot(tmp_path) == {**snapshot(tmp_path), "out.png": b"what was there before"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.png", "photos"]


def test_transparency_and_colour_profile_survive(attredit: Any, run: Path, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.new("RGBA", (40, 40), (200, 150, 100, 90)).save(source, icc_profile=profile)
    attredit("edit", run, source, "--set", "Smiling=1", "-o", target)
    with Image.open(target) as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (90, 90)
        assert image.info["icc_profile"] == profile


def test_a_format_that_cannot_hold_the_picture_is_an_error(attredit: Any, run: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (40, 40), (200, 150, 100, 90)).save(tmp_path / "in.png")
    result = attredit("edit", run, tmp_path / "in.png", "--set", "Smiling=1", "-o", tmp_path / "out.jpg")
    assert result.exit_code == 1
    assert ".png" in result.stderr
    assert not (tmp_path / "out.jpg").exists()


@pytest.fixture
def boxed_run(run: Path, tmp_path: Path) -> Path:
    """The run, as if it had been trained with the crop `box`."""
    copy = shutil.copytree(run, tmp_path / "boxed")
    config = json.loads((copy / "config.json").read_text())
    config["geometry"]["crop"] = "box"
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def test_of_a_folder_pictures_without_a_frame_are_named(
    attredit: Any, run: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = editor.placed

    def only_in_others(pictures: Any, *where: Any) -> Any:
        if pictures[0].name.endswith("a.png"):
            raise DataError(f"No frame found in {pictures[0].name}.", "Give its box.")
        return placed(pictures, *where)

    monkeypatch.setattr(editor, "placed", only_in_others)
    result = attredit("edit", run, photos, "--set", "Smiling=1", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.jpg"]
    assert f"No frame found in {photos / 'a.png'}" in result.stderr


def test_a_run_of_boxes_without_a_frame_asks_for_one(
    attredit: Any, boxed_run: Path, photos: Path, tmp_path: Path
) -> None:
    result = attredit("edit", boxed_run, photos / "a.png", "--set", "Smiling=1", "-o", tmp_path / "out.png")
    assert result.exit_code == 2
    assert "No box is given" in result.stderr
    assert str(photos / "a.png") in result.stderr.replace("\n", "")
    assert not (tmp_path / "out.png").exists()


def test_all_that_is_found_needs_the_pictures_own_pixels(attredit: Any, run: Path, photos: Path) -> None:
    how = ["edit", run, photos / "a.png", "--set", "Smiling=1", "--all"]
    assert attredit(*how, "-o", photos / "all.png").exit_code == 0
    result = attredit(*how, "--mode", "decoded")
    assert result.exit_code == 2
    assert "--all" in result.stderr


@pytest.mark.parametrize(
    "pictures, box, names",
    [
        (["a.png"], "1,2,3", "'1,2,3' left, top, width height"),
        (["a.png"], "1,2,x,4", "'1,2,x,4'"),
        (["a.png"], "1,2,30,0", "'1,2,30,0'"),
        (["a.png"], "50,2,30,30", "50,2,30,30 60x48"),
        (["a.png", "b.jpg"], "1,2,30,30", "--box 2"),
    ],
)
@pytest.mark.parametrize("command", ["edit", "sweep"])
def test_a_box_that_cannot_be_is_refused(
    attredit: Any, run: Path, photos: Path, monkeypatch: Any, command: str, pictures: list[str], box: str, names: str
) -> None:
    monkeypatch.chdir(photos)
    before = snapshot(photos)
    result = attredit(command, run, *pictures, "--box", box, *(["--set", "Smiling=1"] if command == "edit" else []))
    assert result.exit_code == 2, result.output
    assert all(name in result.stderr for name in names.split()), result.stderr
    assert snapshot(photos) == before


def test_a_sweep_around_a_box(attredit: Any, run: Path, photos: Path, tmp_path: Path) -> None:
    strips = []
    for how in ([], ["--box", "5,5,20,20"]):
        where = ["--attr", "Smiling", "--values", "0,1", "-o", tmp_path / "strip.png"]
        result = attredit("sweep", run, photos / "a.png", *how, *where)
        assert result.exit_code == 0, result.output
        strips.append((tmp_path / "strip.png").read_bytes())
    assert strips[0] != strips[1]
