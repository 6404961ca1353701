"""Boxes of sources: read from CelebA's files and people's tables, in the store, and through to an edit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import celeba_copies as copies
import collections_made as made
import numpy as np
import pytest
from PIL import Image

from attredit.data import Box, Geometry, fingerprint_of, prepare, require_nothing_left_out
from attredit.errors import DataError, DataWarning
from attredit_celeba.official import ATTRIBUTES, BOXES, PARTITION, WILD_IMAGES
from attredit_celeba.source import CelebA
from attredit_collections.folder import Folder
from attredit_collections.hub import HuggingFace

pytestmark = pytest.mark.usefixtures("cache_of_datasets")
BOX = Geometry(32, crop="box")
# Of a square whose side is 1.3 times the box's height, the box has rows 4 to 28; columns, for it is narrower, 8 to 24.
SEEN = (slice(6, 26), slice(11, 21))


def of(folder: Path, **options: Any) -> Folder:
    return Folder(image_size=32, data_dir=folder, boxes=True, **options)


def of_hub(folder: Path, **options: Any) -> HuggingFace:
    return HuggingFace(image_size=32, name=str(folder), boxes=True, **options)


def wild(folder: Path) -> CelebA:
    return CelebA(image_size=32, data_dir=folder, boxes=True)


def greys(source: Any) -> dict[int, tuple[int, ...]]:
    """The labels of each prepared image by the one grey of its box; white lies beside it."""
    found = {}
    for split in source.splits:
        store = prepare(source, split, BOX, name="boxes", workers=1)
        for pixels, labels in zip(store.images, store.labels, strict=True):
            inside = pixels[SEEN].astype(int)
            assert np.ptp(inside) <= 6
            assert pixels[16, :4].min() > 240
            assert pixels[16, -4:].min() > 240
            found[round(inside.mean())] = tuple(labels.tolist())
    return found


def table_of(folder: Path, name: str = "metadata.csv") -> Path:
    return folder / name


# --- CelebA in the wild -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [copies.wild, copies.download, lambda p: copies.wild(p / "celeba").parent])
def test_celeba_is_seen_around_its_boxes(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    source = pickle.loads(pickle.dumps(wild(layout(tmp_path / "x"))))
    assert source.splits == copies.SPLITS
    assert source.warnings == ()
    found = greys(source)
    assert [round((grey - 10) / 40) for grey in sorted(found)] == list(range(copies.N))
    assert [found[grey] for grey in sorted(found)] == [tuple(row) for row in copies.LABELS.tolist()]


def test_the_aligned_images_are_taken_as_ever(tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    copies.official(tmp_path / "y")
    (tmp_path / "y" / "img_align_celeba").rename(folder / "img_align_celeba")
    aligned, boxed = CelebA(image_size=32, data_dir=folder), wild(folder)
    assert "box" not in aligned.open("train").column_names
    assert aligned.open("train")[0]["image"].size == (178, 218)
    assert boxed.open("train")[0]["image"].size == (409, 687)
    assert boxed.open("train")["box"][:] == [list(box) for box in copies.WHERE[:3]]


def test_kaggles_table_of_boxes(tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    lines = [line.split() for line in (folder / BOXES).read_text().splitlines()[1:]]
    (folder / BOXES).with_suffix(".csv").write_text("".join(",".join(line) + "\n" for line in lines))
    (folder / BOXES).unlink()
    assert len(greys(wild(folder))) == copies.N


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: ["7", *x[1:]], "announces 7 images and lists 6"),
        (lambda x: ["x", *x[1:]], "Line 1 of .* is 'x'"),
        (lambda x: [x[0], "image_id x_1 y_1 x_2 y_2", *x[2:]], "has the columns image_id x_1 y_1 x_2 y_2"),
        (lambda x: [*x[:3], "000002.jpg 1 2 3", *x[4:]], r"Line 4 of .* is '000002\.jpg 1 2 3'"),
        (lambda x: [*x[:3], "000002.jpg 1 2 3 4 5", *x[4:]], r"Line 4 of .* is '000002\.jpg 1 2 3 4 5'"),
        (lambda x: [*x[:3], "", "000002.jpg 1 2 3.5 4", *x[4:]], r"Line 5 of .* is '000002\.jpg 1 2 3\.5 4'"),
        (lambda x: [*x[:3], "000002.jpg 1 2 3 four", *x[4:]], r"Line 4 of .* It must be a file name and four whole"),
        (lambda x: [*x[:3], x[2], *x[4:]], r"Line 4 of .* repeats 000001\.jpg"),
        (lambda x: ["5", *x[1:-1]], f"1 of the images of .*{ATTRIBUTES} are not in .*{BOXES}, the first is 000006"),
    ],
)
def test_damaged_boxes_of_celeba(change: Any, message: str, tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    copies.damage(folder / BOXES, change)
    with pytest.raises(DataError, match=message) as caught:
        wild(folder).open("train")
    assert BOXES in caught.value.message


def test_boxes_of_no_size_are_left_out_and_listed(tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    copies.damage(folder / BOXES, lambda x: [*x[:3], "000002.jpg 0 0 0 0", *x[4:]])
    source = wild(folder)
    assert source.warnings == (f"{folder / BOXES}: images with a box of no size, left out (1): 000002.jpg.",)
    assert len(source.open("train")) == 2
    assert sorted(greys(source)) == [n for n in range(10, 250, 40) if n != 50]


@pytest.mark.parametrize("missing", [BOXES, WILD_IMAGES, ATTRIBUTES, PARTITION])
def test_celeba_without_boxes_or_their_images(missing: str, tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    (folder / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=rf"has no boxes, .* Put {BOXES} and .*Other crops: none, centre, celeba\."):
        wild(folder)


def test_copies_without_boxes() -> None:
    with pytest.raises(DataError, match="The copy of CelebA some/celeba has no boxes"):
        CelebA(image_size=32, hub="some/celeba", boxes=True)


def test_an_image_that_has_not_half_of_its_box_is_left_out(tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    copies.damage(folder / BOXES, lambda x: [*x[:3], "000002.jpg 180 10 100 100", *x[4:]])
    with pytest.warns(DataWarning, match=r"000002\.jpg .*Most of the box 180,10,100,100 lies outside"):
        store = prepare(wild(folder), "train", BOX, name="celeba", workers=1)
    assert 1 not in store.rows
    assert len(store.rows) > 0
    with pytest.raises(DataError, match=r"Most of the box 180,10,100,100 lies outside .*strict"):
        prepare(wild(folder), "train", BOX, name="celeba", workers=1, strict=True)


def test_other_boxes_are_another_store(tmp_path: Path) -> None:
    folder = copies.wild(tmp_path / "x")
    before = fingerprint_of(wild(folder), "train", BOX)
    copies.damage(folder / BOXES, lambda x: [*x[:-1], x[-1].replace("70", "71")])
    assert fingerprint_of(wild(folder), "train", BOX) != before


# --- people's own -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, source_of",
    [
        (made.boxed_csv, of),
        (made.boxed_jsonl, of),
        (made.sides_parquet, of_hub),
        (made.boxed_parquet, of_hub),
    ],
)
def test_tables_with_boxes(make: Callable[[Path], Path], source_of: Callable[..., Any], tmp_path: Path) -> None:
    source = pickle.loads(pickle.dumps(source_of(make(tmp_path / "x"))))
    assert set(source.schema.names) == {"Smiling", "Hair"}
    hair = source.schema.index("Hair")
    for grey, labels in (found := greys(source)).items():
        assert source.schema.attributes[hair].values[labels[hair]] == made.HAIR[round(grey / 20)]
    assert len(found) == made.N
    reasons = {row.column: row.reason for row in source.mapping if row.attribute is None}
    assert reasons.get("bbox", reasons.get("x")) in ("the box", "left of the box")


def test_without_the_crop_nothing_is_a_box(tmp_path: Path) -> None:
    folder = made.boxed_csv(tmp_path / "x")
    source = Folder(image_size=32, data_dir=folder)
    assert "box" not in source.open("train").column_names
    assert {row.column for row in source.mapping if row.reason.startswith("numbers")} == {"x", "y"}
    assert len(prepare(source, "train", Geometry(32), name="boxes", workers=1)) > 2


PROBLEMS = {
    "12,,12,16": "images with a box that is not four numbers, left out (1): im02.png.",
    "12,six,12,16": "images with a box that is not four numbers, left out (1): im02.png.",
    "12,6,12,0": "images with a box of no size, left out (1): im02.png.",
    "12,6,-12,16": "images with a box of no size, left out (1): im02.png.",
    ",,,": "images with no box, left out (1): im02.png.",
}


@pytest.mark.parametrize("written", PROBLEMS)
def test_bad_boxes_are_counted_and_listed_and_no_other_moves(written: str, tmp_path: Path) -> None:
    folder = made.boxed_csv(tmp_path / "x")
    copies.damage(table_of(folder), lambda x: [*x[:3], f"im02.png,0,black,{written}", *x[4:]])
    source = of(folder)
    assert source.warnings == (f"{folder}: {PROBLEMS[written]}",)
    assert sorted(greys(source)) == [20 * i for i in range(made.N) if i != 2]
    with pytest.raises(DataError, match="strict"):
        require_nothing_left_out(source)


@pytest.mark.parametrize(
    "box, problem",
    [(None, "no box"), ([1, None, 3, 4], "a box that is not four numbers"), ([1, 2, 0, 4], "a box of no size")],
)
def test_bad_boxes_of_the_hub(box: list[int | None] | None, problem: str, tmp_path: Path) -> None:
    folder = made.boxed_parquet(tmp_path / "x", bbox=[*made.WHERE[:2], box, *made.WHERE[3:]])
    source = of_hub(folder)
    assert source.warnings == (f"{folder}: images with {problem}, left out (1): row 2.",)
    assert sorted(greys(source)) == [20 * i for i in range(made.N) if i != 2]
    with pytest.raises(DataError, match="strict"):
        require_nothing_left_out(source)


def test_a_table_of_bad_boxes_alone_is_an_error(tmp_path: Path) -> None:
    folder = made.boxed_csv(tmp_path / "x")
    copies.damage(table_of(folder), lambda x: [x[0], *(line.rsplit(",", 1)[0] + ",0" for line in x[1:])])
    with pytest.raises(DataError, match=r"box\. .*\(12\)"):
        of(folder)


def test_tables_without_boxes_or_with_two(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"has no boxes, .* columns x, y, width and height, .*Other crops: none, centre, "
    ):
        of(made.metadata_csv(tmp_path / "x"))
    with pytest.raises(DataError, match="has no boxes"):
        of(made.classes(tmp_path / "y"))
    with pytest.raises(DataError, match="has no boxes"):
        of_hub(made.hub_parquet(tmp_path / "z")).splits  # noqa: B018
    folder = made.boxed_csv(tmp_path / "two")
    copies.damage(table_of(folder), lambda x: [f"{x[0]},bbox", *(f"{line},1" for line in x[1:])])
    with pytest.raises(DataError, match=r"bbox\b.* x, y, width and height"):
        of(folder)


def test_a_box_is_no_attribute(tmp_path: Path) -> None:
    folder = made.boxed_csv(tmp_path / "x")
    with pytest.raises(DataError, match=r"Column width of .* attribute\b"):
        of(folder, columns="width")
    copies.damage(table_of(folder), lambda x: [f"{x[0]},box", *(f"{line},{i % 2}" for i, line in enumerate(x[1:]))])
    reasons = {row.column: row.reason for row in of(folder).mapping}
    assert reasons["box"] == "an attribute cannot be called box"


def test_a_moved_box_is_another_store(tmp_path: Path) -> None:
    folder, hub = made.boxed_csv(tmp_path / "x"), made.boxed_parquet(tmp_path / "y")
    before = [fingerprint_of(source, "train", BOX) for source in (of(folder), of_hub(hub))]
    assert [fingerprint_of(source, "train", BOX) for source in (of(folder), of_hub(hub))] == before
    copies.damage(table_of(folder), lambda x: [line.replace(",16", ",18") for line in x])
    made.boxed_parquet(hub, bbox=[(*box[:3], 18) for box in made.WHERE])
    after = [fingerprint_of(source, "train", BOX) for source in (of(folder), of_hub(hub))]
    assert len({*before, *after}) == 4


# --- from a table to an edit --------------------------------------------------------------------------------------

TINY = ["--image-size=32", "--batch-size=4", "--device=cpu", "--set=latent_dim=4", "--steps=2"]
TINY += [f"--set=parts.{part}.options.width=4" for part in ("encoder", "decoder")]


def test_trained_and_edited_by_boxes(tmp_path: Path, attredit_command: Any) -> None:
    folder, run, out = made.boxed_csv(tmp_path / "x"), tmp_path / "run", tmp_path / "out.png"
    where = ["--dataset", f"folder:{folder}", "--crop=box"]
    trained = attredit_command("train", *where, "--attr=Smiling", *TINY, "--run-dir", run)
    assert "left of the box" in trained.stderr
    attredit_command("train", "--resume", run, "--steps", 3)
    attredit_command("evaluate", run)
    edit = ["edit", run, folder / "im05.png", "--set", "Smiling=1", "-o", out]
    attredit_command(*edit, "--box", "15,9,12,16")
    with Image.open(folder / "im05.png") as before, Image.open(out) as after:
        changed = (np.asarray(before) != np.asarray(after)).any(axis=2)
    left, top, right, bottom = BOX.frame(60, 40, Box(15, 9, 12, 16)).hull
    changed[top:bottom, left:right] = False
    assert not changed.any()
    show = attredit_command("show", run)
    assert "crop box" in show.stdout
