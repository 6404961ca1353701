"""CelebA in each layout, made here in miniature, and everything that may be wrong with one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attredit.data import Geometry, prepare
from attredit.errors import DataError
from attredit_celeba.official import read_attributes
from attredit_celeba.source import NAMES, CelebA

N = 6
LABELS = np.random.default_rng(0).integers(0, 2, (N, 40))
FILES = [f"{i + 1:06d}.jpg" for i in range(N)]
PARTITION = [0, 0, 0, 1, 2, 2]


def picture(i: int) -> Image.Image:
    """178x218, another grey for each, with white bars (aligned to JPEG's blocks) that the centre crop removes."""
    pixels = np.full((218, 178, 3), 40 * i + 10, np.uint8)
    pixels[:16] = pixels[208:] = 255
    return Image.fromarray(pixels)


def official(folder: Path, *, newline: str = "\n", bom: str = "", zero: str = "-1") -> Path:
    images = folder / "img_align_celeba"
    images.mkdir(parents=True)
    for i, name in enumerate(FILES):
        picture(i).save(images / name, quality=95)
    rows = [
        f"{name} " + " ".join("1" if v else zero for v in row) + " " for name, row in zip(FILES, LABELS, strict=True)
    ]
    text = newline.join([str(N), " ".join(NAMES) + " ", *rows, ""])
    (folder / "list_attr_celeba.txt").write_text(bom + text, newline="")
    lines = [f"{name} {part}" for name, part in zip(FILES, PARTITION, strict=True)]
    (folder / "list_eval_partition.txt").write_text(newline.join([*lines, ""]), newline="")
    return folder


def parquet(folder: Path, convert: Callable[[np.ndarray], list[object]], valid: str, nested: bool) -> Path:
    from datasets import Dataset

    target = folder / "data" if nested else folder
    target.mkdir(parents=True)
    for part, split in enumerate(("train", valid, "test")):
        rows = [i for i in range(N) if PARTITION[i] == part]
        columns: dict[str, list[object]] = {"image": [picture(i) for i in rows]}
        columns |= {name: convert(LABELS[rows, j]) for j, name in enumerate(NAMES)}
        columns["prompt facial features"] = ["text"] * len(rows)
        Dataset.from_dict(columns).to_parquet(target / f"{split}-00000-of-00001.parquet")
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "official": official,
    "official, Windows line ends and BOM": lambda p: official(p, newline="\r\n", bom="\ufeff"),
    "official, 0 and 1": lambda p: official(p, zero="0"),
    "parquet of booleans, split valid": lambda p: parquet(p, lambda v: [bool(x) for x in v], "valid", True),
    "parquet of -1 and 1": lambda p: parquet(p, lambda v: [int(2 * x - 1) for x in v], "validation", False),
    "parquet of int64": lambda p: parquet(p, lambda v: [int(x) for x in v], "validation", True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_labels_and_images(layout: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout](tmp_path / "a folder with späce")
    source = CelebA(image_size=32, data_dir=folder)
    assert source.schema.names == NAMES
    assert source.splits == ("train", "valid", "test")
    for part, split in enumerate(source.splits):
        store = prepare(source, split, Geometry(32), name="celeba", workers=1)
        rows = [i for i in range(N) if PARTITION[i] == part]
        np.testing.assert_array_equal(store.labels, LABELS[rows])
        for image, i in zip(store.images, rows, strict=True):
            assert np.abs(image.astype(int) - (40 * i + 10)).max() <= 3  # and so no white frame


def test_the_downloads_own_folders(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    for name, item in (
        ("Anno", "list_attr_celeba.txt"),
        ("Eval", "list_eval_partition.txt"),
        ("Img", "img_align_celeba"),
    ):
        (folder / name).mkdir()
        shutil.move(folder / item, folder / name / item)
    assert len(CelebA(image_size=32, data_dir=folder).open("train")) == 3


def test_parallel_workers_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit.data import workers

    monkeypatch.setattr(workers, "_CHUNK", 1)
    source = CelebA(image_size=16, data_dir=official(tmp_path / "x"))
    two = prepare(source, "train", Geometry(16), name="celeba", workers=2)
    assert [int(image.mean().round(-1)) for image in two.images] == [10, 50, 90]


def test_fingerprint_follows_labels_and_images(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    before = CelebA(image_size=32, data_dir=folder).fingerprint("train")
    assert CelebA(image_size=32, data_dir=folder).fingerprint("train") == before
    Image.new("RGB", (178, 218)).save(folder / "img_align_celeba" / FILES[0])
    assert CelebA(image_size=32, data_dir=folder).fingerprint("train") != before


def test_without_data_it_says_what_to_get(tmp_path: Path) -> None:
    for directory in (None, tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=r"img_align_celeba\.zip.*--data-dir") as caught:
            CelebA(image_size=32, data_dir=directory)
        assert caught.value.exit_code == 2


def damage(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / name
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


ATTR, PART = "list_attr_celeba.txt", "list_eval_partition.txt"


@pytest.mark.parametrize(
    "name, change, message",
    [
        (ATTR, lambda x: ["7", *x[1:]], "announces 7 images and lists 6"),
        (ATTR, lambda x: ["x", *x[1:]], "Line 1 of .* is 'x'"),
        (ATTR, lambda x: [x[0], " ".join(NAMES[:-1]), *x[2:]], "Line 3 of .* has 40 labels for 39 attributes"),
        (ATTR, lambda x: [*x[:3], x[3].replace(" 1", " 2", 1), *x[4:]], "Line 4 of .* has the label '2'"),
        (ATTR, lambda x: [*x[:3], x[2], *x[4:]], "lists 000001.jpg twice"),
        (ATTR, lambda x: ["5", *x[1:-1]], "1 images in .* have no labels, the first is 000006.jpg"),
        (ATTR, lambda x: [*x[:-1], x[-1].replace("000006", "../secret")], "does not say to which split ../secret"),
        (ATTR, lambda x: [*x[:3], x[3].replace("-1", "0", 1), *x[4:]], "mixes the labels 0 and -1"),
        (ATTR, lambda x: [], "has 0 lines"),
        (PART, lambda x: [*x[:-1], "000006.jpg 3"], "Line 6 of .* is '000006.jpg 3'"),
        (PART, lambda x: x[:-1], "does not say to which split 000006.jpg belongs"),
        (PART, lambda x: [*x, x[-1]], "Line 7 of .* repeats 000006.jpg"),
    ],
)
def test_damaged_text_files(tmp_path: Path, name: str, change: Callable[[list[str]], list[str]], message: str) -> None:
    folder = official(tmp_path / "x")
    damage(folder, name, change)
    with pytest.raises(DataError, match=message):
        CelebA(image_size=32, data_dir=folder).open("train")


def test_names_that_leave_the_folder(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    for name in (ATTR, PART):
        damage(folder, name, lambda x: [line.replace("000006.jpg", "../000006.jpg") for line in x])
    with pytest.raises(DataError, match="leaves"):
        CelebA(image_size=32, data_dir=folder).open("train")


def test_label_without_image_and_broken_image(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    source = CelebA(image_size=32, data_dir=folder)
    image = folder / "img_align_celeba" / FILES[1]
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(DataError, match=r"Image 1 of split train of celeba \(.*000002\.jpg\) cannot be read"):
        prepare(source, "train", Geometry(32), name="celeba", workers=1)
    image.unlink()
    with pytest.raises(DataError, match=r"1 images of .* are not in .*, the first is 000002.jpg"):
        CelebA(image_size=32, data_dir=folder).open("train")


@given(
    st.lists(st.text("abcXYZ_", min_size=1, max_size=8), min_size=1, max_size=5, unique=True),
    st.data(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject, newline: str
) -> None:
    rows = data.draw(
        st.lists(st.lists(st.sampled_from([-1, 1]), min_size=len(names), max_size=len(names)), min_size=1, max_size=4)
    )
    lines = [str(len(rows)), "  ".join(names), *(f"{i}.jpg " + "  ".join(map(str, r)) for i, r in enumerate(rows))]
    path = tmp_path_factory.mktemp("x") / "attr.txt"
    path.write_text(newline.join(lines) + newline, newline="")
    read_names, files, labels = read_attributes(path)
    assert (read_names, files) == (names, [f"{i}.jpg" for i in range(len(rows))])
    np.testing.assert_array_equal(labels, (np.array(rows) > 0).astype(int))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("x") / "attr.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        names, files, labels = read_attributes(path)
    except DataError:
        return
    assert labels.shape == (len(files), len(names))
