"""Edits that are drawn finer than the decoder draws: the network, how it is taught, and what becomes of a run."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from attredit import DataError, Part, RunError, UsageError, evaluate, load, resume, sharpen, train
from attredit.data import Frame
from attredit.editing.blending import blend
from attredit.editing.composite import Blend, edit_mask
from attredit.editing.sharpening import Sharpener, sharpener_among, with_sharpener
from attredit.files import read_metadata, read_tensors, write_tensors
from attredit.plugin.registry import installed
from attredit.runs.data import collection_of
from attredit.runs.directory import RunDirectory
from attredit.sharpening import require_sharpenable
from attredit.training import sharpening
from attredit.training.sharpening import Sharpened, fit_sharpener

SIZE, DETAIL = 16, 2
SPOT = (slice(6, 10), slice(5, 11))


def noise(seed: int, size: int, channels: int = 3) -> Tensor:
    return torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(seed))


def spot() -> Tensor:
    change = torch.zeros(2, 1, SIZE, SIZE)
    change[..., *SPOT] = 0.5
    return change


def drawing(channels: int = 3, attrs: int = 1) -> Sharpener:
    """One that draws something."""
    torch.manual_seed(0)
    sharpener = Sharpener(channels, attrs, DETAIL, width=8).requires_grad_(False)
    nn.init.normal_(sharpener.last.weight, std=0.3)
    return sharpener


def larger(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=DETAIL, mode="bilinear")


def test_it_begins_with_the_edit_enlarged_and_no_more_of_the_image_than_that_leaves() -> None:
    fine, change = noise(0, SIZE * DETAIL), spot()
    difference = 0.2 * edit_mask(change)
    added, mask, changed = Sharpener(3, 1, DETAIL, width=8)(fine, difference, change, torch.ones(2, 1))
    torch.testing.assert_close(mask, larger(edit_mask(change)))
    torch.testing.assert_close(changed, larger(edit_mask(change, widened=False)))
    lost = changed * (fine - larger(F.avg_pool2d(fine, DETAIL)))
    torch.testing.assert_close(added, (fine + larger(difference) - lost).clamp(0, 1) - fine)
    assert not added[(mask == 0).expand_as(added)].any()


def test_it_is_told_what_there_is_and_draws_in_the_mask_alone() -> None:
    sharpener, fine, change = drawing(), noise(0, SIZE * DETAIL), spot()
    nothing = 0 * noise(0, SIZE)
    one, other = (sharpener(fine, nothing, change, torch.full((2, 1), value))[0] for value in (0.0, 1.0))
    assert (one - other).abs().max() > 1e-3
    assert not one[(larger(edit_mask(change)) == 0).expand_as(one)].any()


def test_a_model_keeps_one_beside_its_other_tensors(tmp_path: Path) -> None:
    model = {"encoder.weight": torch.ones(1)}
    assert sharpener_among(model, 3, 1, tmp_path) is None
    sharpener = drawing()
    tensors = with_sharpener(with_sharpener(model, Sharpener(3, 1, 4, width=4)), sharpener)
    found = sharpener_among(tensors, 3, 1, tmp_path)
    assert found is not None
    assert found.detail == DETAIL
    given = noise(0, SIZE * DETAIL), noise(1, SIZE) - 0.5, spot(), torch.ones(2, 1)
    for mine, other in zip(sharpener(*given), found(*given), strict=True):
        assert torch.equal(mine, other)
    del tensors["sharpener.up.1.second.weight"]
    with pytest.raises(RunError, match="damaged sharpener"):
        sharpener_among(tensors, 3, 1, tmp_path)
    with pytest.raises(RunError, match="does not fit"):
        sharpener_among(with_sharpener(model, sharpener), 3, 2, tmp_path)


@pytest.mark.parametrize("compositor", [None, Blend()])
@pytest.mark.parametrize("channels", [1, 3])
def test_frames_with_more_pixels_than_the_decoder_are_drawn_finer(channels: int, compositor: Any) -> None:
    before, after = (noise(seed, SIZE)[0].permute(1, 2, 0).numpy() for seed in (1, 2))
    change, attrs = spot()[0].permute(1, 2, 0).numpy(), np.ones(1, np.float32)
    for side in (SIZE, 3 * SIZE):
        picture = np.random.default_rng(0).random((60, 70, channels), np.float32)
        frame = Frame.within((5, 4, 5 + side, 4 + side))
        plain = blend(picture, before, after, change, frame, compositor, attrs)
        finer = blend(picture, before, after, change, frame, compositor, attrs, drawing())
        assert np.array_equal(plain, finer) == (side == SIZE)
        same = (finer == picture).all(2)
        assert same.mean() > 0.5
        assert not same.all()
        assert same[:, :5].all()


@pytest.fixture(scope="module")
def run(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 32x32 drawn faces, at its last step."""
    where = tmp_path_factory.mktemp("sharp") / "run"
    return train(tiny_request(run_dir=str(where), overrides={"style_dim": 2}))


@pytest.fixture(scope="module")
def sharp(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sharpened]:
    """A copy of it that has learnt to draw 64x64."""
    where = tmp_path_factory.mktemp("sharp") / "sharp"
    shutil.copytree(run, where)
    return where, sharpen(where, detail=2, steps=40, device="cpu")


def test_it_learns_how_much_detail_there_is(sharp: tuple[Path, Sharpened]) -> None:
    found = sharp[1]
    assert (found.data, found.dataset) == ("synthfaces", "synthfaces/synthfaces")
    assert (found.images, found.detail, found.steps) == (96, 2, 40)
    assert 0 < found.measured <= 16  # of some the model edits nothing
    assert abs(1 - found.sharpness) < 0.95 * abs(1 - found.sharpness_enlarged)
    assert 0 < found.error < 1.1 * found.error_enlarged


def test_larger_pictures_are_edited_otherwise_and_those_of_its_size_as_before(
    run: Path, sharp: tuple[Path, Sharpened]
) -> None:
    before, after = load(run, "cpu"), load(sharp[0], "cpu")
    for size in (32, 96):
        picture = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
        how: dict[str, Any] = {"given": {"Smiling": 0}, "strength": 3.0, "Smiling": 1}
        how["box"] = Frame.within((0, 0, size, size))
        edits = [np.asarray(editor.edit(picture, output="numpy", **how)) for editor in (before, after)]
        assert np.array_equal(*edits) == (size == 32)


def test_a_run_keeps_it_with_all_else_and_forgets_it_when_it_goes_on(
    run: Path, sharp: tuple[Path, Sharpened], tmp_path: Path
) -> None:
    shutil.copytree(sharp[0], tmp_path / "run")
    (old, told), (new, tells) = (read_tensors(place / "model.safetensors") for place in (run, tmp_path / "run"))
    assert {name for name in new if not name.startswith("sharpener.")} == set(old)
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert tells == {**told, "sharpened": sharp[1].to_json()}
    assert "64x64" in (tmp_path / "run" / "README.md").read_text()
    assert evaluate(tmp_path / "run", limit=4, device="cpu").metrics["mse"].value > 0
    resume(tmp_path / "run", steps=10, device="cpu")
    assert "sharpened" not in read_metadata(tmp_path / "run" / "model.safetensors")
    assert load(tmp_path / "run", "cpu").sharpener is None


def test_same_pictures_and_seed_same_sharpener(run: Path, sharp: tuple[Path, Sharpened], tmp_path: Path) -> None:
    shutil.copytree(sharp[0], tmp_path / "run")
    for _ in range(2):  # also of one that has one already
        sharpen(tmp_path / "run", detail=2, steps=2, device="cpu")
        shutil.copy(tmp_path / "run" / "model.safetensors", tmp_path / f"{_}")
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_in_an_edits_place_lies_what_the_model_makes_of_the_truth(run: Path) -> None:
    model = load(run, "cpu").model
    images, own, wanted = noise(3, 64), {"Smiling": "0"}, {"Smiling": "1"}
    with torch.inference_mode():
        lesson = sharpening.lesson_of(model, Sharpener(3, 1, 2), images, own, wanted, 2, undone=False)
        small = F.avg_pool2d(images, 2)
        code = model.supposed(model.encode(small), {}, own)
        edit = model.edit(code, wanted, given=own, style=2)
        shown = model.composite(small, edit._replace(after=edit.before)) - small
        expected, mask, _ = Sharpener(3, 1, 2).shown(images, shown, edit.change)
    assert lesson.truth is images
    torch.testing.assert_close(lesson.shown, expected)
    torch.testing.assert_close(lesson.mask, mask)
    assert torch.equal(lesson.attrs, torch.zeros(2, 1))


def test_undone_edits_show_nothing_of_the_truth_that_the_edit_took(run: Path) -> None:
    """What an edit replaced everywhere, only the model knows: fine noise of a picture makes no difference."""
    model = load(run, "cpu").model
    fine = 0.2 * (torch.arange(64) % 2 - 0.5)
    shown = []
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("attredit.editing.sharpening.edit_mask", lambda change, widened=True: torch.ones_like(change))
        for images in (0.5 + 0 * noise(0, 64), 0.5 + fine + 0 * noise(0, 64)):
            how = {"Smiling": "1"}, {"Smiling": "0"}, None, True
            lesson = sharpening.lesson_of(model, Sharpener(3, 1, 2), images, *how)
            shown.append(lesson.shown)
            assert lesson.truth is images
            assert torch.equal(lesson.attrs, torch.ones(2, 1))
    torch.testing.assert_close(*shown)


def test_windows_are_of_the_same_place_in_all_and_hold_the_edit() -> None:
    places = torch.arange(64.0 * 64).view(1, 1, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 40:60, 4:20] = 1.0
    dice = np.random.default_rng(0)
    for _ in range(5):
        lesson = sharpening.Lesson(places, mask, torch.zeros(1, 1), -places)
        shown, seen, _, truth = sharpening.windows(lesson, 2, dice)
        assert shown.shape[2:] == (40, 40)
        assert torch.equal(shown, -truth)
        assert int(shown[0, 0, 0, 0]) % 2 == 0  # whole squares of the U-Net, and pixels of the decoder
        assert int(shown[0, 0, 0, 0]) // 64 % 2 == 0
        assert seen.sum() == mask.sum()


def folder(path: Path, side: int) -> Path:
    (path / "images").mkdir(parents=True)
    with (path / "labels.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["filename", "Smiling"])
        for i in range(24):
            Image.effect_noise((side, side + 3), 60).convert("RGB").save(path / "images" / f"{i}.png")
            table.writerow([f"images/{i}.png", i % 2])
    return path


def test_pictures_that_are_too_small_are_refused_and_the_run_is_as_it_was(run: Path, tmp_path: Path) -> None:
    was = (run / "model.safetensors").read_bytes()
    large = "Name larger ones with --dataset."
    for side, detail, mend in ((40, 4, "Use --detail 2."), (70, 8, "Use --detail 2."), (30, 4, large)):
        with pytest.raises(DataError, match=rf"is {side} pixels wide, too few to learn {32 * detail} from.") as error:
            sharpen(run, f"folder:{folder(tmp_path / str(side), side)}", detail=detail, steps=1, device="cpu")
        assert error.value.hint == mend
    assert (run / "model.safetensors").read_bytes() == was


def test_pictures_that_are_all_of_one_kind_teach_nothing(run: Path) -> None:
    store = collection_of(installed(), RunDirectory(run).config(), 2).store("train")
    alike = replace(store, labels=np.ones_like(store.labels))
    with pytest.raises(DataError, match="no pictures with different values of Smiling"):
        fit_sharpener(load(run, "cpu").model, alike, 2, seed=0, steps=1)


def test_a_run_that_is_not_finished_or_draws_at_any_size_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    tensors, told = read_tensors(run / "model.safetensors")
    write_tensors(tmp_path / "run" / "model.safetensors", tensors, {**told, "step": 4})
    with pytest.raises(RunError, match="is at step 4 of 8"):
        sharpen(tmp_path / "run", device="cpu")
    editor = load(run, "cpu")
    editor.model.parts["compositor"] = nn.Identity()
    recipe = editor.config.recipe
    parts = {**recipe.parts, "compositor": Part(use="own/warp")}
    config = editor.config.model_copy(update={"recipe": recipe.model_copy(update={"parts": parts})})
    with pytest.raises(UsageError, match="own/warp"):
        require_sharpenable(editor, config, 4)
    with pytest.raises(UsageError, match="drawn-faces is shared"):
        sharpen("drawn-faces", device="cpu")
    with pytest.raises(UsageError, match="3 times as fine"):
        sharpen(run, detail=3, device="cpu")
