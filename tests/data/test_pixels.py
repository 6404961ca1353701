"""Training and editing see the same picture, whatever it lies in; what is white is looked up, not assumed."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit.attributes import AttributeSchema
from attredit.data import Geometry, Store, prepare
from attredit.editing.images import read, write
from attredit.errors import DataError, DataWarning

SIZE = 8
RAMP = np.linspace(0, 1, SIZE * SIZE).reshape(SIZE, SIZE)


class Files:
    """Files of a folder, in order of their names; a label that is their parity."""

    channels = 3
    splits = ("train", "test")
    schema = AttributeSchema.of_binary(["odd"])

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fingerprint(self, split: str) -> str:
        return repr([(path.name, path.stat().st_size) for path in sorted((self.folder / split).iterdir())])

    def open(self, split: str) -> Any:
        from datasets import Dataset, Image as Images

        paths = [str(path) for path in sorted((self.folder / split).iterdir())]
        columns = {"image": paths, "odd": [i % 2 for i in range(len(paths))]}
        return Dataset.from_dict(columns).cast_column("image", Images())


def encoded(image: Image.Image, format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def grey(white: int, dtype: type = np.uint16, format: str = "PNG") -> bytes:
    return encoded(Image.fromarray((RAMP * white).astype(dtype)), format)


def deep(white: int, alpha: bool = False) -> bytes:
    """A PNG of 16 bits for each channel, which PIL cannot write."""
    values = (RAMP * white).astype(np.uint16)
    pixels = np.stack([values] * 3 + [np.full_like(values, 65535)] * alpha, 2).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 16, 6 if alpha else 2, 0, 0, 0)
    pieces = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in pieces
    )


def cut_out() -> bytes:
    """Black pixels, hidden but for a square."""
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (2, 2, 6, 6))
    return encoded(image, "PNG")


def photo() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(np.dstack([RAMP * 255] * 3).astype(np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


KINDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut out": (cut_out, ".png"),
    "turned": (photo, ".jpg"),
    "8 of 16 bits": (lambda: grey(255), ".png"),
    "10 of 16 bits": (lambda: grey(1023), ".png"),
    "12 of 16 bits": (lambda: grey(4095), ".png"),
    "14 of 16 bits": (lambda: grey(16383), ".png"),
    "16 bits": (lambda: grey(65535), ".png"),
    "12 of 16 bits in colour": (lambda: deep(4095), ".png"),
    "16 bits in colour": (lambda: deep(65535), ".png"),
    "12 of 16 bits in colour with transparency": (lambda: deep(4095, alpha=True), ".png"),
    "32 bits": (lambda: grey(4000, np.int32, "TIFF"), ".tif"),
    "floats to 1": (lambda: grey(1, np.float32, "TIFF"), ".tif"),
    "floats to 255": (lambda: grey(255, np.float32, "TIFF"), ".tif"),
}


def filled(folder: Path, split: str, contents: list[bytes], ending: str = ".png") -> None:
    (folder / split).mkdir()
    for i, content in enumerate(contents):
        (folder / split / f"{i}{ending}").write_bytes(content)


def made(folder: Path, split: str = "train", geometry: Geometry | None = None, **options: Any) -> Store:
    return prepare(Files(folder), split, geometry or Geometry(SIZE), name="files", workers=1, **options)


@pytest.mark.filterwarnings("ignore::attredit.errors.DataWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_training_and_editing_see_the_same_picture(kind: str, tmp_path: Path) -> None:
    make, ending = KINDS[kind]
    filled(tmp_path, "train", [make()] * 2, ending)
    store = made(tmp_path, strict=True)
    file = tmp_path / "train" / f"0{ending}"
    ((picture,), _) = read(file, store.geometry.white)
    edited = np.asarray(store.geometry.apply(picture.pil))
    np.testing.assert_array_equal(store.images[0], edited)
    with Image.open(file) as image:
        ((alone,), _) = read(image) if "colour" not in kind else read(file)
    np.testing.assert_array_equal(np.asarray(store.geometry.apply(alone.pil)), edited)
    if "bits" in kind or "floats" in kind:
        np.testing.assert_allclose(store.images[0][..., 0], RAMP * 255, atol=6)  # 4000 of 4095, at most


def test_what_is_hidden_is_white_and_comes_back(tmp_path: Path) -> None:
    filled(tmp_path, "train", [cut_out()] * 2)
    (pictures, many) = read(tmp_path / "train" / "0.png")
    assert np.asarray(pictures[0].pil)[0, 0].tolist() == [255, 255, 255]
    assert np.asarray(write(pictures, many, "pil"))[0, 0].tolist() == [0, 0, 0, 0]
    assert made(tmp_path).images[0][0, 0].tolist() == [255, 255, 255]


def test_what_is_white_is_looked_at_once_for_a_data_set_and_its_other_splits(tmp_path: Path) -> None:
    filled(tmp_path, "train", [grey(500), grey(4000), grey(900)])
    filled(tmp_path, "test", [grey(500)])
    with pytest.warns(DataWarning, match=r"train of files\b.* 4,095\b"):
        train = made(tmp_path)
    assert train.images[0].max() == 500 // 16
    assert made(tmp_path).geometry == train.geometry  # found again, and nothing more to say
    assert made(tmp_path, geometry=train.geometry).path == train.path
    with pytest.warns(DataWarning, match="1,023 is taken for white"):
        alone = made(tmp_path, "test")
    assert alone.images[0].max() == 500 // 4
    with_train = made(tmp_path, "test", train.geometry)
    assert with_train.images[0].max() == 500 // 16
    assert with_train.fingerprint == alone.fingerprint


def test_an_image_that_makes_all_others_dark_is_said(tmp_path: Path) -> None:
    filled(tmp_path, "train", [grey(4000), grey(60000), grey(3000)])
    with pytest.warns(DataWarning, match=r"65,535\b.* 4,095"):
        assert made(tmp_path).geometry.white == 65535


@pytest.mark.filterwarnings("ignore:.*taken for white")
def test_an_image_with_values_that_are_no_numbers_decides_nothing_and_is_left_out(tmp_path: Path) -> None:
    files = [
        encoded(Image.fromarray(np.full((SIZE, SIZE), value, np.float32)), "TIFF") for value in (0.5, np.nan, 0.25)
    ]
    filled(tmp_path, "train", files)
    with pytest.warns(DataWarning, match=r"1 of 3 images .*\(It has values that are no numbers\)"):
        store = made(tmp_path)
    assert store.geometry.white == 1
    assert [image.max() for image in store.images] == [128, 64]
    with pytest.raises(DataError, match="no numbers"):
        read(tmp_path / "train" / "1.png")


@pytest.mark.filterwarnings("ignore:.*is taken for white:attredit.errors.DataWarning")
def test_an_image_beyond_what_was_assumed_is_left_out_counted_and_named(tmp_path: Path) -> None:
    filled(tmp_path, "train", [grey(4095)] * 3)
    geometry = made(tmp_path).geometry
    (tmp_path / "train" / "1.png").write_bytes(grey(60000))
    with pytest.warns(DataWarning, match=r"1 of 3 images .*1\.png \(It has values from 0 to 60000, .*4095 white\)"):
        assert len(made(tmp_path, geometry=geometry)) == 2
    with pytest.raises(DataError, match="60000"):
        read(tmp_path / "train" / "1.png", geometry.white)


def test_an_edited_picture_of_odd_bits_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(grey(3000))
    with pytest.warns(DataWarning, match=r"a\.png\b.* 4,095\b"):
        read(tmp_path / "a.png")
    read(tmp_path / "a.png", 4095)[0]
