"""What is broken is counted, listed and left out, or is an error; no image gets another's label."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import collections_made as made
import numpy as np
import pytest
from PIL import Image

from attredit.data import Geometry, prepare, require_nothing_left_out
from attredit.errors import DataError, DataWarning
from attredit.launch import trainer_of
from attredit.request import Request
from attredit_collections.folder import Folder


def of(folder: Path, **options: Any) -> Folder:
    return Folder(image_size=16, data_dir=folder, **options)


def append(folder: Path, *rows: str) -> None:
    with (folder / "labels.csv").open("a") as file:
        file.writelines(row + "\n" for row in rows)


def labels_of(source: Folder) -> dict[int, tuple[int, ...]]:
    found = {}
    for split in source.splits:
        store = prepare(source, split, Geometry(16), name="mess", workers=1)
        for pixels, labels in zip(store.images, store.labels, strict=True):
            found[made.number_of(pixels)] = tuple(labels.tolist())
    return found


def absent(folder: Path) -> None:
    append(folder, "no.png,1,red", "nor.png,0,red")


def unlabelled(folder: Path) -> None:
    made.picture(3).save(folder / "images" / "more.png")


def outside(folder: Path) -> None:
    made.picture(3).save(folder.parent / "secret.png")
    append(folder, "../secret.png,1,red", f"{folder.parent}/secret.png,1,red", "images/../../secret.png,1,red")
    append(folder, "..\\secret.png,1,red", "C:\\secret.png,1,red")


def nameless(folder: Path) -> None:
    append(folder, ",1,red", "  ,0,red")


def repeated(folder: Path) -> None:
    append(folder, "im03.png,1 , black", "images/im03.png,1,black")


def contradicting(folder: Path) -> None:
    append(folder, "im03.png,0,black")


def empty(folder: Path) -> None:
    (folder / "images" / "im03.png").write_bytes(b"")


def loop(folder: Path) -> None:
    (folder / "images" / "again").symlink_to(folder, target_is_directory=True)
    (folder / "images" / "self.png").symlink_to(folder / "images" / "self.png")
    (folder / "images" / "gone.png").symlink_to(folder / "no.png")


def two_of_one_name(folder: Path) -> None:
    (folder / "images" / "other").mkdir()
    made.picture(9).save(folder / "images" / "other" / "im03.png")


CASES: list[tuple[Callable[[Path], None], list[str], set[int]]] = [
    (absent, ["rows of labels.csv that name images that are not there, left out (2): no.png, nor.png."], set()),
    (unlabelled, ["images without a label, left out (1): images/more.png."], set()),
    (outside, ["rows of labels.csv that name files outside the folder, left out (5): ../secret.png, "], set()),
    (nameless, ["rows of labels.csv that name no file, left out (2): (empty), (empty)."], set()),
    (contradicting, ["images that are listed with different labels, left out (1): images/im03.png."], {3}),
    (empty, ["images that are empty files, left out (1): images/im03.png."], {3}),
    (loop, ["links that lead nowhere, or back to where they are (3): images/again, images/gone.png, "], set()),
    (
        two_of_one_name,
        ["that name images that are not there, left out (1): im03.png.", "without a label, left out (2): images/im03"],
        {3},
    ),
    (repeated, ["images that are listed again with the same labels (1): images/im03.png."], set()),
]


@pytest.mark.parametrize("harm, sentences, lost", CASES, ids=[case[0].__name__ for case in CASES])
def test_what_is_wrong_is_counted_and_listed_and_no_label_moves(
    harm: Callable[[Path], None], sentences: list[str], lost: set[int], tmp_path: Path
) -> None:
    folder = made.bare_csv(tmp_path / "x")
    whole = labels_of(of(folder))
    require_nothing_left_out(of(folder))
    harm(folder)
    source = of(folder)
    assert len(source.warnings) == len(sentences)
    for warning, sentence in zip(source.warnings, sentences, strict=True):
        assert sentence in warning
    assert labels_of(source) == {i: labels for i, labels in whole.items() if i not in lost}
    with pytest.raises(DataError, match=r"Mend this, or do without --strict\.$") as raised:
        require_nothing_left_out(source)
    assert all(warning in raised.value.message for warning in source.warnings)


def test_warnings_are_shown(tmp_path: Path, attredit_command: Any) -> None:
    folder = made.bare_csv(tmp_path / "x")
    absent(folder)
    printed = attredit_command("train", "--dataset", f"folder:{folder}", exit_code=2)
    assert re.search(r"\(2\): no\.png, nor\.png\.", printed.stderr)
    assert "--attr: Smiling, Hair." in printed.stderr


def test_tables_of_spreadsheets(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, semicolons, and spaces after everything."""
    folder = made.bare_csv(tmp_path / "x")
    whole = labels_of(of(folder))
    table = folder / "labels.csv"
    text = table.read_text().replace(",", " ; ").replace("\n", " \r\n")
    table.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert labels_of(of(folder)) == whole
    require_nothing_left_out(of(folder))


def odd_images() -> dict[str, Callable[[Path], None]]:
    grey = np.full((20, 24), 120, np.uint8)
    colour = Image.fromarray(np.stack([grey] * 3, axis=-1))
    rotated = Image.Exif()
    rotated[274] = 6
    transparent = Image.merge("RGBA", (*colour.split(), Image.new("L", colour.size, 255)))
    return {
        "cmyk.jpg": lambda path: colour.convert("CMYK").save(path),
        "deep.png": lambda path: Image.fromarray(grey.astype(np.uint16) * 256).save(path),
        "grey.png": lambda path: Image.fromarray(grey).save(path),
        "clear.png": lambda path: transparent.save(path),
        "moving.gif": lambda path: colour.save(path, save_all=True, append_images=[made.picture(0)] * 3),
        "turned.jpg": lambda path: colour.save(path, exif=rotated),
        "pixel.png": lambda path: colour.crop((0, 0, 1, 1)).save(path),
        "long.png": lambda path: colour.resize((20_000, 2)).save(path),
        "UPPER.JPEG": lambda path: colour.save(path, format="jpeg"),
        "namen mit äöü 名.webp": lambda path: colour.save(path, lossless=True),
    }


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # `datasets` leaves moving pictures to Python
def test_odd_images_are_read(tmp_path: Path) -> None:
    folder = made.classes(tmp_path / "x")
    for name, save in odd_images().items():
        save(folder / "red" / name)
    source = of(folder)
    require_nothing_left_out(source)
    seen = 0
    for split in source.splits:
        store = prepare(source, split, Geometry(16), name="odd", workers=1, strict=True)
        files = [Path(image["path"]).name for image in paths(source, split)]
        for file, pixels, label in zip(files, store.images, store.labels[:, 0], strict=True):
            if file in odd_images():
                seen += 1
                assert np.abs(pixels.astype(int) - 120).max() <= 3, file
                assert source.schema.attributes[0].values[label] == "red"
    assert seen == len(odd_images())


def paths(source: Folder, split: str) -> Any:
    from datasets import Image as Images

    return source.open(split).cast_column("image", Images(decode=False))["image"]


def cut_short(path: Path) -> None:
    Image.effect_noise((60, 60), 90).save(path, format="jpeg")
    path.write_bytes(path.read_bytes()[:900])


def page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>")


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path, format="png")


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # nor does it close what it could not read
def test_images_that_cannot_be_decoded_are_left_out_and_named(tmp_path: Path) -> None:
    folder = made.metadata_jsonl(tmp_path / "x")
    whole = labels_of(of(folder))
    for row, harm in zip((2, 5, 7), (cut_short, page, bomb), strict=True):
        harm(folder / "train" / made.FILES[row])
    names = r"im02\.png \(.*truncated.*im05\.png \(it is no image\).*im07\.png \(Decomp"
    with pytest.warns(DataWarning, match=rf"^3 of 8 images .*train of mess\b.*{names}"):
        assert labels_of(of(folder)) == {row: labels for row, labels in whole.items() if row not in (2, 5, 7)}


def test_strict_is_one_option_for_tables_and_images(tmp_path: Path, attredit_command: Any) -> None:
    folder = made.classes_below_splits(tmp_path / "x")
    command = ["train", "--dataset", f"folder:{folder}", "--attr", "label", "--image-size", "16", "--strict"]
    (folder / "train" / "stray.png").write_bytes((folder / "train" / made.HAIR[0] / made.FILES[0]).read_bytes())
    printed = attredit_command(*command, exit_code=2).stderr
    assert "images beside the folders of the classes, left out (1): train/stray.png. Mend this" in printed
    (folder / "train" / "stray.png").unlink()
    page(folder / "train" / made.HAIR[0] / made.FILES[0])
    printed = attredit_command(*command, exit_code=2).stderr
    assert (
        f"1 of 8 images of split train of folder cannot be used: {folder}/train/blond/im00.png (it is no im" in printed
    )


def test_splits_of_one_row_or_none(tmp_path: Path) -> None:
    folder = made.classes_below_splits(tmp_path / "x")
    (folder / "validation" / made.HAIR[8] / made.FILES[8]).unlink()
    for i in (10, 11):
        (folder / "test" / made.HAIR[i] / made.FILES[i]).unlink()
    source = of(folder)
    assert source.splits == ("train", "valid")
    assert source.warnings == (f"{folder}: splits of a single image (1): valid.",)
    with pytest.raises(DataError, match="has no split 'test'"):
        source.open("test")
    (folder / "train").rename(folder / "dev")
    with pytest.raises(DataError, match="has no images to train with, only valid"):
        of(folder)


def no_folder(folder: Path) -> None:
    for path in folder.glob("images/*"):
        path.unlink()
    (folder / "images").rmdir()
    (folder / "labels.csv").unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "harm, message",
    [
        (no_folder, "There is no folder"),
        (lambda folder: [path.unlink() for path in folder.glob("images/*")], "holds no images"),
        (lambda folder: (folder / "labels.csv").unlink(), "in one sub-folder, images, which makes no two classes"),
        (lambda folder: (folder / "labels.csv").write_text("a,b\nx,1\ny,0\n"), "No column of .* names images"),
        (lambda folder: (folder / "labels.csv").write_text("<html>"), "has no rows"),
        (lambda folder: (folder / "more.tsv").write_text("a\tb\n"), r"holds 2 tables.*table=NAME: labels\.csv"),
        (lambda folder: (folder / "metadata.csv").write_text("name\nx\n"), "has no column 'file_name'"),
        (lambda folder: (folder / "labels.csv").write_text("name,a\nim01.png,5\nim02.png,0\n"), "a: numbers other"),
    ],
)
def test_folders_that_cannot_be_right(harm: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    folder = made.bare_csv(tmp_path / "x")
    harm(folder)
    with pytest.raises(DataError, match=message):
        of(folder)


def test_images_alone_have_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds images, but no labels"):
        of(made.save(tmp_path / "x"))


def test_a_split_is_not_taken_for_a_class(tmp_path: Path) -> None:
    folder = made.classes_below_splits(tmp_path / "x")
    made.save(folder / "samples")
    with pytest.raises(DataError, match=r"folders of splits \(test, train, validation\) beside others \(samples\)"):
        of(folder)


def test_the_column_of_files_is_found_although_its_first_rows_name_none(tmp_path: Path) -> None:
    folder = made.bare_csv(tmp_path / "x")
    table = folder / "labels.csv"
    head, rest = table.read_text().split("\n", 1)
    table.write_text(head + "\n" + "".join(f"no{i}.png,1,red\n" for i in range(1500)) + rest)
    source = of(folder)
    assert len(labels_of(source)) == made.N
    assert "left out (1,500): no0.png" in source.warnings[0]


def test_metadata_files_that_do_not_fit_together(tmp_path: Path) -> None:
    folder = made.metadata_jsonl(tmp_path / "x")
    (folder / "test" / "metadata.jsonl").write_text('{"file_name": "im10.png", "Smiling": true}\n')
    with pytest.raises(DataError, match="have different columns: Hair"):
        of(folder)


def test_a_choice_of_one_is_none(tmp_path: Path) -> None:
    """The only attribute is the one to edit; the run is named after it."""
    made.classes(tmp_path / "species")
    narrow = {"parts.encoder.options.width": 2, "parts.decoder.options.width": 2}
    species = f"folder:{tmp_path / 'species'}"
    trainer = trainer_of(
        Request(method="naive-cvaegan", dataset=species, image_size=16, overrides=narrow, device="cpu", frame="none")
    )
    assert [a.name for a in trainer.config.attributes] == ["label"]
    assert trainer.run_directory.path.name.endswith("-label")
