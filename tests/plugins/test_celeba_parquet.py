"""Everything that may be wrong with a copy in parquet files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from celeba_copies import (
    parquet,
    picture,
)
from PIL import Image

from attredit.data import Geometry, prepare
from attredit.errors import DataError, DataWarning
from attredit_celeba.copies import match
from attredit_celeba.source import NAMES, CelebA

pytestmark = pytest.mark.usefixtures("cache_of_datasets")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"convert": lambda v: [2] * len(v)}, r"5_o_Clock_Shadow has the value 2 in split train"),
        ({"convert": lambda v: [None] * len(v)}, r"5_o_Clock_Shadow has the value None"),
        ({"convert": lambda v: ["yes"] * len(v)}, r"5_o_Clock_Shadow has the value 'yes'"),
        ({"convert": lambda v: [-1, 0, 1][: len(v)]}, r"has the value -1 and .* has 0 in split train"),
        ({"file": "data/part{}.parquet"}, r"parttest\.parquet belongs to no split\. Name it, or its folder"),
        ({"names": lambda n: "x" + n}, r"has no column named as an attribute of CelebA\. Such as 5_o_Clock_Shadow"),
    ],
)
def test_wrong_parquet(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = parquet(tmp_path / "x", **options)
    with pytest.raises(DataError, match=message):
        CelebA(image_size=32, data_dir=folder).open("train")


def test_several_copies_are_ambiguous(tmp_path: Path) -> None:
    for copy in ("one", "two"):
        parquet(tmp_path / "x", file=copy + "/{}.parquet")
    with pytest.raises(DataError, match=r"x\b.*: .*one, .*two\."):
        CelebA(image_size=32, data_dir=tmp_path / "x")


def test_a_pointer_of_git_lfs_is_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=r"train\.parquet is no complete parquet file\. .*git lfs pull"):
        CelebA(image_size=32, data_dir=tmp_path).schema  # noqa: B018


@pytest.mark.parametrize("keep", [0, 3, 200, -100])
def test_a_parquet_file_that_was_cut_short(keep: int, tmp_path: Path) -> None:
    folder = parquet(tmp_path / "x")
    path = folder / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    source = CelebA(image_size=32, data_dir=folder)
    for ask in (lambda: source.schema, lambda: source.fingerprint("train")):
        with pytest.raises(DataError, match=r"train-00000-of-00001\.parquet is no complete parquet file"):
            ask()


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_broken_image_in_parquet_is_left_out_and_named(tmp_path: Path) -> None:
    from datasets import Dataset, Features, Image as Column, Value

    good = {"bytes": png(picture(0)), "path": "000017.jpg"}
    rows = [good, {"bytes": b"no image", "path": "000018.jpg"}, good]
    features = Features({"image": Column(), "Male": Value("bool")})
    Dataset.from_dict({"image": rows, "Male": [True, True, False]}, features).to_parquet(
        tmp_path / "x" / "train.parquet"
    )
    source = CelebA(image_size=32, data_dir=tmp_path / "x")
    assert source.schema.names == ("Male",)
    message = r"1 of 3 images of split train of celeba cannot be used: 000018\.jpg \(it is no image\)\."
    with pytest.warns(DataWarning, match=message):
        store = prepare(source, "train", Geometry(32), name="celeba", workers=1)
    assert store.labels.tolist() == [[1], [0]]


def test_several_columns_of_images_are_ambiguous(tmp_path: Path) -> None:
    from datasets import Dataset

    columns = {"left": [picture(0)], "right": [picture(1)], "Male": [True]}
    Dataset.from_dict(columns).to_parquet(tmp_path / "x" / "train.parquet")
    with pytest.raises(DataError, match=r"train\b.* 2\b"):
        CelebA(image_size=32, data_dir=tmp_path / "x").open("train")


def test_a_column_of_exactly_that_name_comes_first() -> None:
    assert match(["male", "Male", "big lips", "Big-Nose"], NAMES) == {
        "Big_Lips": "big lips",
        "Big_Nose": "Big-Nose",
        "Male": "Male",
    }
