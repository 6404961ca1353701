"""Everything that may be wrong with CelebA's official files."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from celeba_copies import (
    FILES,
    damage,
    official,
    with_label,
)
from hypothesis import given, strategies as st

from attredit.data import Geometry, prepare
from attredit.errors import DataError, DataWarning
from attredit_celeba.official import ATTRIBUTES, IMAGES, PARTITION
from attredit_celeba.source import NAMES, CelebA
from attredit_celeba.tables import read_attributes, read_names, read_partition

Change = Callable[[list[str]], list[str]]
AGAINST = f"of the images of .*{ATTRIBUTES} are not in .*"


@pytest.mark.parametrize(
    "name, change, message",
    [
        (ATTRIBUTES, lambda x: ["7", *x[1:]], "announces 7 images and lists 6"),
        (ATTRIBUTES, lambda x: ["x", *x[1:]], "Line 1 of .* is 'x'"),
        (ATTRIBUTES, lambda x: ["²", *x[1:]], "Line 1 of .* is '²'"),
        (ATTRIBUTES, lambda x: [], "has 0 lines"),
        (ATTRIBUTES, lambda x: [x[0], " ".join(NAMES[:-1]), *x[2:]], "Line 3 of .* has 40 labels for 39 attributes"),
        (ATTRIBUTES, lambda x: [*x[:3], x[3][:-3], *x[4:]], "Line 4 of .* has 39 labels for 40 attributes"),
        (ATTRIBUTES, lambda x: [*x[:3], "", with_label(x[3], "2"), *x[4:]], "Line 5 of .* has the label '2'"),
        (
            ATTRIBUTES,
            lambda x: [*x[:4], with_label(x[4], "0"), *x[5:]],
            "Line 5 of .* has a label 0 among others of -1",
        ),
        (ATTRIBUTES, lambda x: [*x[:3], x[2], *x[4:]], "Line 4 of .* repeats 000001.jpg"),
        (ATTRIBUTES, lambda x: [x[0], x[1].replace("Bald", "Bangs"), *x[2:]], "Line 2 of .* names Bangs twice"),
        (ATTRIBUTES, lambda x: ["5", *x[1:-1]], f"1 of the images of .*{PARTITION} are not in .*, the first is 000006"),
        (PARTITION, lambda x: [*x[:-1], "000006.jpg 3"], "Line 6 of .* is '000006.jpg 3'"),
        (PARTITION, lambda x: [*x[:-1], "000006.jpg"], "Line 6 of .* is '000006.jpg'"),
        (PARTITION, lambda x: x[:-1], f"1 {AGAINST}{PARTITION}, the first is 000006.jpg"),
        (PARTITION, lambda x: [*x, x[-1]], "Line 7 of .* repeats 000006.jpg"),
        (PARTITION, lambda x: [*x, "7.jpg 0"], f"1 of the images of .*{PARTITION} are not in .*, the first is 7.jpg"),
    ],
)
def test_damaged_text_files(tmp_path: Path, name: str, change: Change, message: str) -> None:
    folder = official(tmp_path / "x")
    damage(folder / name, change)
    with pytest.raises(DataError, match=message) as caught:
        CelebA(image_size=32, data_dir=folder).open("train")
    assert name in caught.value.message


@pytest.mark.parametrize("count", ["²", "٣" * 5000, "9" * 5000, "-6", "6.0"])
def test_a_count_that_is_no_number(count: str, tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    damage(folder / ATTRIBUTES, lambda x: [count, *x[1:]])
    with pytest.raises(DataError, match=rf"Line 1 of .*{ATTRIBUTES}\b"):
        CelebA(image_size=32, data_dir=folder).schema  # noqa: B018


@pytest.mark.parametrize(
    "read, head, row", [(read_attributes, "20001\n\nSmiling\n\n", "{}.jpg 1"), (read_partition, "\n\n\n\n", "{}.jpg 0")]
)
def test_a_repeated_image_is_found_at_once(read: Callable[[Path], object], head: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text(head + "".join(row.format(i % 20000) + "\n" for i in range(20001)))
    started = time.process_time()
    with pytest.raises(DataError, match=r"Line 20005 of .* repeats 0\.jpg"):
        read(path)
    # Comparing all pairs would take a quarter of a minute.
    assert time.process_time() - started < 2


def test_a_text_file_that_cannot_be_read(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    (folder / ATTRIBUTES).unlink()
    (folder / ATTRIBUTES).mkdir()
    with pytest.raises(DataError, match=rf"{ATTRIBUTES} cannot be read: Is a directory"):
        CelebA(image_size=32, data_dir=folder).schema  # noqa: B018


def test_names_that_leave_the_folder(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    for name in (ATTRIBUTES, PARTITION):
        damage(folder / name, lambda x: [line.replace("000006.jpg", "../000006.jpg") for line in x])
    with pytest.raises(DataError, match=r"names '\.\./000006\.jpg', which leaves"):
        CelebA(image_size=32, data_dir=folder).open("train")


def test_labels_without_image_and_image_without_labels(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    (folder / IMAGES / "notes.txt").write_text("no image")
    (folder / IMAGES / FILES[1]).rename(folder / IMAGES / "000009.jpg")
    with pytest.raises(DataError, match=f"1 {AGAINST}{IMAGES}, the first is 000002.jpg"):
        CelebA(image_size=32, data_dir=folder).open("train")
    shutil.copy(folder / IMAGES / FILES[0], folder / IMAGES / FILES[1])
    with pytest.raises(DataError, match=rf"1 of .*{IMAGES}\b.* 000009\.jpg"):
        CelebA(image_size=32, data_dir=folder).open("train")


@pytest.mark.parametrize(
    "content, reason",
    [
        (lambda b: b[:500], "(?i:truncated)"),
        (lambda b: b"no image", "it is no image"),
        (lambda b: b"", "it is no image"),
    ],
)
def test_a_broken_image_is_left_out_and_named(content: Callable[[bytes], bytes], reason: str, tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    whole = prepare(CelebA(image_size=32, data_dir=folder), "train", Geometry(32), name="celeba", workers=1)
    image = folder / IMAGES / FILES[1]
    image.write_bytes(content(image.read_bytes()))
    message = rf"1 of {len(whole)} images of split train of celeba cannot be used: .*000002\.jpg \(.*{reason}"
    with pytest.warns(DataWarning, match=message):
        store = prepare(CelebA(image_size=32, data_dir=folder), "train", Geometry(32), name="celeba", workers=1)
    assert store.labels.tolist() == [labels for row, labels in enumerate(whole.labels.tolist()) if row != 1]


@pytest.mark.parametrize("place", [".", "Img"])
def test_a_page_in_place_of_the_archive_is_told(place: str, tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    shutil.rmtree(folder / IMAGES)
    (folder / place).mkdir(exist_ok=True)
    archive = folder / place / f"{IMAGES}.zip"
    archive.write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>")
    with pytest.raises(DataError, match=r"img_align_celeba\.zip is no archive, or cut short\. .*download it again"):
        CelebA(image_size=32, data_dir=folder)
    with ZipFile(archive, "w") as file:
        file.writestr("000001.jpg", b"")
    with pytest.raises(DataError, match=r"no img_align_celeba\."):
        CelebA(image_size=32, data_dir=folder)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    (folder / ATTRIBUTES).write_bytes(b"6\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt is no text file"):
        CelebA(image_size=32, data_dir=folder).schema  # noqa: B018


WORD = st.text("abcXYZ_5", min_size=1, max_size=8)
GAP = st.sampled_from([" ", "  ", "\t"])


@given(
    names=st.lists(WORD, min_size=1, max_size=5, unique=True),
    data=st.data(),
    newline=st.sampled_from(["\n", "\r\n"]),
    zero=st.sampled_from(["-1", "0"]),
    bom=st.sampled_from(["", "\ufeff"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject, newline: str, zero: str, bom: str
) -> None:
    row = st.lists(st.booleans(), min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(row, max_size=4))
    gap, end = data.draw(GAP), data.draw(st.sampled_from(["", " ", "\t "]))
    lines = [gap.join([f"{i}.jpg", *("1" if v else zero for v in r)]) + end for i, r in enumerate(rows)]
    path = tmp_path_factory.mktemp("x") / "attr.txt"
    text = newline.join([str(len(rows)) + end, gap.join(names) + end, *lines, ""])
    path.write_text(bom + text, "utf-8", newline="")
    read = read_attributes(path)
    assert read.names == read_names(path) == tuple(names)
    assert read.files == [f"{i}.jpg" for i in range(len(rows))]
    assert read.labels.tolist() == [[int(v) for v in r] for r in rows]


@given(st.one_of(st.text(max_size=60).map(str.encode), st.binary(max_size=60)))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("x") / "any.txt"
    path.write_bytes(content)
    for read in (read_partition, read_names):
        with contextlib.suppress(DataError):
            read(path)
    with contextlib.suppress(DataError):
        attributes = read_attributes(path)
        assert attributes.labels.shape == (len(attributes.files), len(attributes.names))
        assert set(attributes.labels.flat) <= {0, 1}


def test_whom_an_image_shows(tmp_path: Path) -> None:
    folder = official(tmp_path / "x")
    source = CelebA(image_size=32, data_dir=folder)
    assert source.persons("train") is None
    splits = read_partition(folder / PARTITION)
    lines = [f"{file} {100 + i // 2}" for i, file in enumerate(splits)][:-1]
    (folder / "identity_CelebA.txt").write_text("\n".join(lines))
    known = dict(line.split() for line in lines)
    for split in source.splits:
        assert source.persons(split) == [known.get(file) for file, own in splits.items() if own == split]
    (folder / "identity_CelebA.txt").write_text("\n".join([*lines, lines[0]]))
    with pytest.raises(DataError, match=r"repeats 000001\.jpg"):
        source.persons("train")
