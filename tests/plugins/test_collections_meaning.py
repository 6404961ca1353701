"""Labels mean what was written, splits are what was meant, and what is not looked at is counted and listed."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import collections_made as made
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Value
from PIL import Image

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.data import require_nothing_left_out
from attredit.errors import DataError, UsageError
from attredit_collections import content
from attredit_collections.columns import Labels, read_columns
from attredit_collections.folder import Folder
from attredit_collections.hub import HuggingFace


def of(folder: Path, **options: Any) -> Folder:
    return Folder(image_size=16, data_dir=folder, **options)


def read(values: list[Any], **options: Any) -> Labels:
    return read_columns(pd.DataFrame({"it": values}), where="a table", **options)


CLASSES = AttributeSchema((Attribute("label", ("1", "2", "3")),))
TWO = AttributeSchema((Attribute("label", ("10", "20")),))


@pytest.mark.parametrize(
    "schema, value, columns",
    [
        (CLASSES, 1, [1, 0, 0]), (CLASSES, "1", [1, 0, 0]), (CLASSES, 3, [0, 0, 1]), (CLASSES, 2.0, [0, 1, 0]),
        (TWO, 10, [0]), (TWO, "20", [1]),
        (AttributeSchema.of_binary(["label"]), 0.5, [0.5]),
        (AttributeSchema((Attribute("label", ("0", "1", "2")),)), 2, [0, 0, 1]),
        (AttributeSchema((Attribute("label", ("no", "yes")),)), 1, [1]),
        (AttributeSchema((Attribute("label", ("a", "b", "c")),)), 1, [0, 1, 0]),
    ],
)  # fmt: skip
def test_names_of_values_go_before_positions(schema: AttributeSchema, value: Any, columns: list[float]) -> None:
    assert schema.wanted(schema.asked({"label": value})) == {0: columns}


@pytest.mark.parametrize(
    "schema, value", [(CLASSES, 0), (CLASSES, "0"), (TWO, 0), (TWO, 1), (TWO, 0.5), (CLASSES, "x")]
)
def test_a_position_that_contradicts_names_is_an_error(schema: AttributeSchema, value: Any) -> None:
    with pytest.raises(UsageError, match="is no value of label"):
        schema.asked({"label": value})


@pytest.mark.parametrize("word", ["NA", "?", "unknown", "N/A", "-", "null"])
@pytest.mark.parametrize("pair", [("0", "1"), ("-1", "1"), ("no", "yes")])
def test_words_for_nothing_beside_a_yes_and_a_no_are_missing_labels(word: str, pair: tuple[str, str]) -> None:
    found = read([pair[0], word, pair[1], ""])
    assert found.values[:, 0].tolist() == [0, MISSING, 1, MISSING]
    assert len(found.schema.attributes[0].values) == 2
    (doubt,) = found.doubts
    assert f"column it: {word} is taken for a missing label (1)" in doubt
    assert read([pair[0], word, pair[1]], missing=[word]).doubts == ()


def test_among_other_texts_they_are_values_and_one_is_asked() -> None:
    values = ["red", "unknown", "blond"] * 3
    asked = read(values)
    assert asked.schema.attributes[0].values == ("blond", "red", "unknown")
    assert "unknown is taken for a value (3)" in asked.doubts[0]
    assert read(values, missing=["unknown"]).schema.attributes[0].values == ("blond", "red")
    assert read(values, missing=[]).doubts == ()
    assert read(values, missing=[]).schema.attributes[0].values == ("blond", "red", "unknown")
    # Of a column that is no attribute, nobody needs to be asked.
    assert read_columns(pd.DataFrame({"it": ["0", "1"], "note": ["none", "x"]}), where="a table").doubts == ()


def test_numbers_may_say_that_a_label_is_missing() -> None:
    assert read([0, -9, 1, 99.0], missing=["-9", "99"]).values[:, 0].tolist() == [0, MISSING, 1, MISSING]


def test_the_option_reaches_folders_and_strict_objects(tmp_path: Path) -> None:
    folder = made.bare_csv(tmp_path / "x")
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace("im03.png,1", "im03.png,n/a"))
    with pytest.raises(DataError, match=r"column Smiling: n/a is taken for a missing label \(1\)"):
        require_nothing_left_out(of(folder))
    named = of(folder, missing="n/a")
    assert not any("taken for" in sentence for sentence in named.warnings)
    assert named.fingerprint("train") != of(folder).fingerprint("train")


def with_column(folder: Path, name: str, values: list[str]) -> Path:
    table = made.bare_csv(folder) / "labels.csv"
    head, *rows = table.read_text().splitlines()
    lines = [f"{head},{name}", *(f"{row},{value}" for row, value in zip(rows, values, strict=True))]
    table.write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("name", ["split", "Split", "SPLIT", "set", "Subset", "partition", "data_split", "Image Set"])
def test_columns_that_name_splits_are_no_attributes(name: str, tmp_path: Path) -> None:
    source = of(with_column(tmp_path / "x", name, ["Train"] * 8 + ["val"] * 2 + ["test"] * 2))
    assert name not in source.schema.names
    assert [len(source.open(split)) for split in source.splits] == [8, 2, 2]
    assert source.warnings == ()


@pytest.mark.parametrize(
    "name, values", [("fold", "0123"), ("partition", "0012"), ("Usage", ["Training", "PrivateTest"])]
)
def test_columns_that_may_name_splits_are_left_out_with_a_question(name: str, values: Any, tmp_path: Path) -> None:
    folder = with_column(tmp_path / "x", name, [values[i % len(values)] for i in range(made.N)])
    source = of(folder)
    assert name not in source.schema.names
    (sentence,) = source.warnings
    assert re.search(rf"column {name}\b.* testing", sentence)
    assert of(folder, columns=["Smiling", name]).schema.names == ("Smiling", name)


def parquet(file: Path, name: str, kind: Any) -> None:
    """Images with a column that says train, val and test."""
    from datasets import Dataset, Features, Image, Value

    features = Features({"image": Image(), "Smiling": Value("int64"), name: kind})
    says = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    columns = {"image": [made.picture(i) for i in range(made.N)], "Smiling": made.SMILING, name: says}
    file.parent.mkdir(exist_ok=True)
    Dataset.from_dict(columns, features=features).to_parquet(file)


@pytest.mark.parametrize("kind", [Value("string"), ClassLabel(names=["test", "train", "val"])])
def test_a_column_of_splits_divides_what_load_dataset_opens(kind: Any, tmp_path: Path) -> None:
    parquet(tmp_path / "x" / "train.parquet", "Subset", kind)
    source = HuggingFace(image_size=16, name=str(tmp_path / "x"))
    assert source.schema.names == ("Smiling",)
    assert {split: len(source.open(split)) for split in source.splits} == {"train": 8, "valid": 2, "test": 2}
    assert [made.number_of(row["image"]) for row in source.open("test")] == [10, 11]
    assert source.warnings == ()
    (row,) = [row for row in source.mapping if row.column == "Subset"]
    assert row.reason == "names the splits"


def test_what_load_dataset_opens_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    parquet(tmp_path / "x" / "train.parquet", "Subset", Value("string"))
    before = HuggingFace(image_size=16, name=str(tmp_path / "x"))
    known = {split: before.fingerprint(split) for split in before.splits}
    (tmp_path / "x").rename(tmp_path / "y")
    moved = HuggingFace(image_size=16, name=str(tmp_path / "y"))
    assert {split: moved.fingerprint(split) for split in moved.splits} == known
    table = pq.read_table(tmp_path / "y" / "train.parquet")
    others = pa.array([1 - label for label in made.SMILING])
    pq.write_table(table.set_column(1, "Smiling", others), tmp_path / "y" / "train.parquet")
    assert HuggingFace(image_size=16, name=str(tmp_path / "y")).fingerprint("train") != known["train"]


def test_splits_of_load_dataset_go_before_a_column_which_is_asked_about(tmp_path: Path) -> None:
    for name in ("train", "test"):
        parquet(tmp_path / "x" / f"{name}.parquet", "split", Value("string"))
    source = HuggingFace(image_size=16, name=str(tmp_path / "x"))
    assert {split: len(source.open(split)) for split in source.splits} == {"train": 12, "test": 12}
    assert source.schema.names == ("Smiling",)
    assert any(re.search(r"column split\b.* testing", sentence) for sentence in source.warnings)


def test_two_columns_of_splits_are_an_error(tmp_path: Path) -> None:
    folder = with_column(tmp_path / "x", "set,subset", ["train,test", "test,train"] * 6)
    with pytest.raises(DataError, match="set and subset both name the splits"):
        of(folder)


def class_folders(folder: Path, ending: str, format: str) -> Path:
    for i in range(made.N):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        made.picture(i).save(file, format if i % 2 else "PNG")
        (folder / "ab"[i % 2] / f"{i}{ending if i % 2 else '.png'}").write_bytes(file.getvalue())
    return folder


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".JPG_large", ".photo", ""])
def test_images_are_found_whatever_they_are_called(ending: str, tmp_path: Path) -> None:
    source = of(class_folders(tmp_path / "x", ending, "JPEG"))
    assert source.schema.attributes[0].values == ("a", "b")
    assert sum(len(source.open(split)) for split in source.splits) == made.N
    assert source.warnings == ()


@pytest.mark.parametrize("name", ["photo.heic", "photo.avif", "photo.dat"])
def test_files_that_nothing_here_can_decode_are_not_overlooked(name: str, tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "x", ".png", "PNG")
    (folder / "c").mkdir()
    (folder / "c" / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(30))
    assert of(folder).schema.attributes[0].values == ("a", "b", "c")


def test_files_that_are_not_looked_at_are_counted_and_listed(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "x", ".png", "PNG")
    for name in ("raw.cr2", "README.md", "LICENSE", "notes.txt"):
        (folder / "a" / name).write_text("anything")
    with pytest.raises(DataError, match=r"neither images nor tables, not looked at \(1\): a/raw\.cr2\."):
        require_nothing_left_out(of(folder))


def test_runs_beside_the_images_are_no_data(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "x", ".png", "PNG")
    before = of(folder)
    run = folder / "runs" / "vae"
    (run / "faces").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (run / name).write_text("{}")
    for name in ("samples.png", "faces/1.png"):
        made.picture(3).save(run / name)
    made.picture(3).save(folder / "sweep.png")
    after = of(folder)
    assert after.schema == before.schema
    assert [after.fingerprint(split) for split in after.splits] == [
        before.fingerprint(split) for split in before.splits
    ]


@pytest.mark.parametrize("format", ["BMP", "TIFF", "PPM", "TGA", "PNG"])
@pytest.mark.parametrize("most", [content.WHOLE, 4 * content.PIECE])
def test_an_image_that_is_corrected_in_place_is_another(
    format: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "WHOLE", most)
    folder = class_folders(tmp_path / "x", f".{format.lower()}", format)
    file = folder / "b" / f"1.{format.lower()}"
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    plain: dict[str, Any] = {"compress_level": 0} if format == "PNG" else {}
    Image.fromarray(pixels).save(file, format, **plain)
    before, size = of(folder).fingerprint("train"), file.stat().st_size
    assert of(folder).fingerprint("train") == before
    pixels[40:90, 30:60] = 200
    Image.fromarray(pixels).save(file, format, **plain)
    assert file.stat().st_size == size
    assert of(folder).fingerprint("train") != before


def test_copies_have_the_same_fingerprint(tmp_path: Path) -> None:
    one, two = (of(class_folders(tmp_path / name, ".bmp", "BMP")) for name in "xy")
    assert one.fingerprint("train") == two.fingerprint("train")
