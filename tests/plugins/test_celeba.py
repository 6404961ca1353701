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
    damage,
    flipped,
    moved,
    official,
    parquet,
)
from PIL import Image

from attredit.data import Geometry, prepare, workers
from attredit.errors import DataError, UsageError
from attredit_celeba.official import ATTRIBUTES, IMAGES, PARTITION
from attredit_celeba.source import NAMES, CelebA

pytestmark = pytest.mark.usefixtures("cache_of_datasets")

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "official": official,
    "official, Windows line ends and BOM": lambda p: official(p, newline="\r\n", bom="\ufeff"),
    "official, 0 and 1": lambda p: official(p, zero="0"),
    "official, the download's own folders": lambda p: moved(official(p), "Anno", "Eval", "Img"),
    "official, below celeba/": lambda p: official(p / "celeba").parent,
    "official, unpacked twice": lambda p: moved(official(p), ".", ".", IMAGES),
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
    monkeypatch.setattr(workers, "CHUNK", 1)
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
    with pytest.raises(DataError, match=rf"x has .* and .*, but no {gone}\. Put all three"):
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
