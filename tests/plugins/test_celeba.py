"""CelebA in each layout, and how a copy is recognised."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from celeba_copies import (
    FILES,
    LABELS,
    PARTS,
    SPLITS,
    N,
    all_for_training,
    damage,
    flipped,
    high_quality,
    kaggle,
    moved,
    official,
    parquet,
)
from PIL import Image

from attredit.data import Geometry, prepare, shards
from attredit.errors import DataError, UsageError
from attredit_celeba.official import ATTRIBUTES, HQ_ATTRIBUTES, HQ_ORIGINALS, IMAGES, PARTITION
from attredit_celeba.source import NAMES, CelebA

pytestmark = pytest.mark.usefixtures("cache_of_datasets")

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "official": official,
    "official, Windows line ends and BOM": lambda p: official(p, newline="\r\n", bom="\ufeff"),
    "official, 0 and 1": lambda p: official(p, zero="0"),
    "official, the download's own folders": lambda p: moved(official(p), "Anno", "Eval", "Img"),
    "official, below celeba/": lambda p: official(p / "celeba").parent,
    "official, unpacked twice": lambda p: moved(official(p), ".", ".", IMAGES),
    "Kaggle's tables": kaggle,
    "Kaggle's tables, saved by a spreadsheet": lambda p: kaggle(p, sep=";", quote='"', newline="\r\n"),
    "CelebAMask-HQ, with the splits of CelebA": high_quality,
    "CelebAMask-HQ, in a folder of its name": lambda p: high_quality(p / "CelebAMask-HQ").parent,
    "parquet of booleans": parquet,
    "parquet of -1 and 1, validation": lambda p: parquet(
        p, lambda v: [int(2 * x - 1) for x in v], "{}.parquet", "validation"
    ),
    "parquet of int64, folder per split": lambda p: parquet(
        p, lambda v: [int(x) for x in v], "img_align+identity+attr/{}/0000.parquet"
    ),
    "parquet, as the hub's repositories have it": lambda p: parquet(
        p, file="img_align+identity+attr/{}-00000-of-00001.parquet"
    ),
    "parquet, other names": lambda p: parquet(p, image="picture", names=lambda n: n.lower().replace("_", " ")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_labels_and_images(layout: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout](tmp_path / "a folder with späce")
    source = pickle.loads(pickle.dumps(CelebA(image_size=32, data_dir=folder)))
    assert source.schema.names == NAMES
    assert source.splits == SPLITS
    for part, split in enumerate(SPLITS):
        prepared = prepare(source, split, Geometry(32), name="celeba", workers=1)
        rows = [i for i in range(N) if PARTS[i] == part]
        np.testing.assert_array_equal(prepared.labels, LABELS[rows])
        for image, i in zip(prepared.images, rows, strict=True):
            assert np.abs(image.astype(int) - (40 * i + 10)).max() <= 3  # and so no white bars


@pytest.mark.parametrize("make", [official, parquet])
def test_workers_read_the_same(make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 1)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    source = CelebA(image_size=16, data_dir=make(tmp_path / "x"))
    two = prepare(source, "train", Geometry(16), name="celeba", workers=2)
    assert [int(image.mean().round(-1)) for image in two.images] == [10, 50, 90]


@pytest.mark.parametrize("make", [official, parquet])
def test_a_prepared_store_needs_no_labels_read_nor_parquet_unpacked(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "x")
    prepare(CelebA(image_size=16, data_dir=folder), "train", Geometry(16), name="celeba", workers=1)
    source = CelebA(image_size=16, data_dir=folder)
    monkeypatch.setattr("attredit_celeba.official.read_attributes", lambda path: pytest.fail("labels were read"))
    monkeypatch.setattr("datasets.load_dataset", lambda *a, **k: pytest.fail("parquet was unpacked"))
    assert source.schema.names == NAMES
    assert len(prepare(source, "train", Geometry(16), name="celeba")) == 3


def test_hub(tmp_path: Path) -> None:
    """A folder stands in for the hub: `datasets` treats both alike."""
    folder = parquet(tmp_path / "copy", valid="validation")
    source = pickle.loads(pickle.dumps(CelebA(image_size=32, hub=str(folder))))
    assert source.schema.names == NAMES
    assert source.splits == SPLITS
    prepared = prepare(source, "test", Geometry(32), name="celeba", workers=1)
    np.testing.assert_array_equal(prepared.labels, LABELS[4:])
    assert len({source.fingerprint(split) for split in SPLITS}) == 3


def test_hub_mistakes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nobody/nothing cannot be loaded: .*\. Check the name"):
        CelebA(image_size=32, hub="nobody/nothing").splits  # noqa: B018
    with pytest.raises(UsageError, match="Both a folder"):
        CelebA(image_size=32, hub="a/b", data_dir=tmp_path)


def test_without_data_it_says_what_to_get(tmp_path: Path) -> None:
    for directory in (None, tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=r"img_align_celeba\.zip.*--data-dir.*hub=flwrlabs/celeba") as caught:
            CelebA(image_size=32, data_dir=directory)
        assert caught.value.exit_code == 2
        assert directory is None or str(directory) in caught.value.message


@pytest.mark.parametrize("gone", [ATTRIBUTES, PARTITION, IMAGES])
def test_an_incomplete_layout_says_what_is_missing(gone: str, tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    shutil.move(folder / gone, tmp_path / "elsewhere")
    with pytest.raises(DataError, match=rf"x has .* no {gone}\."):
        CelebA(image_size=32, data_dir=folder)


def test_no_such_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no split 'trian'\. Did you mean train\?"):
        CelebA(image_size=32, data_dir=official(tmp_path / "x")).open("trian")


def test_a_split_of_one_row_and_none(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    damage(folder / PARTITION, lambda lines: [line[:-1] + "0" for line in lines[:-1]] + ["000006.jpg 2"])
    source = CelebA(image_size=32, data_dir=folder)
    assert source.splits == ("train", "test")
    assert source.open("test")[0]["Smiling"] == LABELS[5, NAMES.index("Smiling")]


def contents(source: CelebA) -> dict[int, tuple[str, list[int]]]:
    """Of each image, by its grey: the split and the labels."""
    found = {}
    for split in source.splits:
        store = prepare(source, split, Geometry(16), name="celeba", workers=1)
        for image, labels in zip(store.images, store.labels.tolist(), strict=True):
            found[round((float(image.mean()) - 10) / 40)] = (split, labels)
    return found


@pytest.mark.parametrize(
    "make, option",
    [
        (all_for_training, "data_dir"),
        (all_for_training, "hub"),
        (lambda p: high_quality(p, splits=False), "data_dir"),
    ],
)
def test_a_copy_without_splits_is_divided(make: Callable[[Path], Path], option: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "x")
    source = CelebA(image_size=16, hub=str(folder)) if option == "hub" else CelebA(image_size=16, data_dir=folder)
    found = contents(pickle.loads(pickle.dumps(source)))
    assert {i: labels for i, (_, labels) in found.items()} == dict(enumerate(LABELS.tolist()))
    assert {split for split, _ in found.values()} == set(source.splits) > {"train"}
    assert contents(CelebA(image_size=16, data_dir=folder)) == found


def test_splits_of_celeba_need_to_know_which_image_is_which(tmp_path: Path) -> None:
    folder = high_quality(tmp_path / "x")
    damage(folder / HQ_ORIGINALS, lambda lines: [*lines[:-1], lines[-1].replace("000006", "000099")])
    with pytest.raises(DataError, match=rf"{HQ_ORIGINALS} are not in .*{PARTITION}, the first is 000099\.jpg"):
        CelebA(image_size=16, data_dir=folder).open("train")
    damage(folder / HQ_ORIGINALS, lambda lines: lines[:-1])
    with pytest.raises(DataError, match=rf"are not in .*{HQ_ORIGINALS}, the first is 5\.jpg"):
        CelebA(image_size=16, data_dir=folder).open("train")
    (folder / HQ_ORIGINALS).unlink()
    with pytest.raises(DataError, match=rf"{PARTITION}, which is of CelebA, but no {HQ_ORIGINALS}"):
        CelebA(image_size=16, data_dir=folder)


def test_two_data_sets_in_one_folder_are_ambiguous(tmp_path: Path) -> None:
    shutil.copytree(official(tmp_path / "x"), tmp_path / "both")
    shutil.copytree(high_quality(tmp_path / "y"), tmp_path / "both", dirs_exist_ok=True)
    with pytest.raises(DataError, match="holds both CelebA and CelebA-HQ"):
        CelebA(image_size=16, data_dir=tmp_path / "both")
    (tmp_path / "y" / HQ_ATTRIBUTES).unlink()
    with pytest.raises(DataError, match=rf"has CelebA-HQ-img, but no {HQ_ATTRIBUTES}"):
        CelebA(image_size=16, data_dir=tmp_path / "y")


# --- fingerprints ---------------------------------------------------------------------------------------------------


def test_fingerprint_of_official_files_follows_labels_splits_and_images(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")

    def now() -> str:
        return CelebA(image_size=32, data_dir=folder).fingerprint("train")

    seen = [now()]
    assert now() == seen[0]
    shutil.copytree(folder, tmp_path / "copied")
    assert CelebA(image_size=32, data_dir=tmp_path / "copied").fingerprint("train") == seen[0]
    Image.new("RGB", (178, 218)).save(folder / IMAGES / FILES[0])
    seen.append(now())
    damage(folder / ATTRIBUTES, lambda lines: [*lines[:2], flipped(lines[2]), *lines[3:]])
    seen.append(now())
    damage(folder / PARTITION, lambda lines: [*lines[:-1], "000006.jpg 1"])
    seen.append(now())
    assert len(set(seen)) == 4


def test_changes_under_a_source_do_not_mix(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    source = CelebA(image_size=32, data_dir=folder)
    before = source.fingerprint("train")
    damage(folder / ATTRIBUTES, lambda lines: [*lines[:2], flipped(lines[2]), *lines[3:]])
    # Had it read them already, it would open the old labels: they must not get the new ones' fingerprint.
    assert source.fingerprint("train") == before
    Image.new("RGB", (178, 218)).save(folder / IMAGES / FILES[0])
    assert source.fingerprint("train") != before


def test_fingerprint_of_parquet_follows_its_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for folder in (one, same):
        parquet(folder)
    parquet(other, lambda v: [not x for x in v])
    first, second, third = (CelebA(image_size=32, data_dir=p).fingerprint("test") for p in (one, same, other))
    assert first == second != third
