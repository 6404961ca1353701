"""Every kind of image that people have: it becomes the right pixels, or it is skipped, counted and listed."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from number_images import SIZE, Numbers
from PIL import Image

from attredit.attributes import Attribute, AttributeSchema
from attredit.data import Geometry, Store, decoding, prepare, require_classes
from attredit.errors import DataError, DataWarning

pytestmark = pytest.mark.filterwarnings(
    # `datasets` leaves files that it cannot decode, and moving pictures, to Python.
    "ignore:unclosed file:ResourceWarning"
)
LABELS = [i % 3 for i in range(12)]
AT = 5
"""The row that becomes something else."""
RED, WHITE = (255, 0, 0), (255, 255, 255)


class Files:
    """Files as a source, in the order of their names; labels 0, 1, 2, 0, 1, 2 and so on."""

    channels = 3
    splits = ("train",)
    schema = AttributeSchema((Attribute("third", ("a", "b", "c")),))

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def fingerprint(self, split: str) -> str:
        return repr([(path.name, path.stat().st_size) for path in self.paths])

    def open(self, split: str) -> Any:
        from datasets import Dataset, Image as Images

        columns = {"image": [str(path) for path in self.paths], "third": LABELS[: len(self.paths)]}
        return Dataset.from_dict(columns).cast_column("image", Images())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve grey images, each of another grey; a space, an umlaut and a character of three bytes in its name."""
    folder = tmp_path / "mit Löchern 名"
    folder.mkdir()
    for row in range(12):
        Image.new("RGB", (SIZE, SIZE), (20 * row,) * 3).save(folder / f"{row:02d} ü.png")
    return folder


def at(folder: Path, content: bytes, suffix: str = ".png") -> Path:
    """Replace the image of row AT."""
    (folder / f"{AT:02d} ü.png").unlink()
    path = folder / f"{AT:02d} ü{suffix}"
    path.write_bytes(content)
    return path


def made(folder: Path, **options: Any) -> Store:
    return prepare(Files(folder), "train", Geometry(SIZE), name="files", workers=1, **options)


def check_others(store: Store) -> None:
    """All other images are there, each with its own label."""
    for pixels, row, label in zip(store.images[:], store.rows.tolist(), store.labels[:, 0].tolist(), strict=True):
        assert label == LABELS[row]
        assert row == AT or (pixels == 20 * row).all()


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def flat(mode: str, colour: Any, size: tuple[int, int] = (SIZE, SIZE)) -> Image.Image:
    return Image.new(mode, size, colour)


def halves() -> Image.Image:
    """Red above, blue below; 40 wide and 20 high."""
    image = flat("RGB", RED, (40, 20))
    image.paste((0, 0, 255), (0, 10, 40, 20))
    return image


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(halves(), "JPEG", exif=exif, quality=100, subsampling=0)


def clear() -> Image.Image:
    """Red, whose right half is transparent."""
    image = flat("RGBA", (*RED, 255))
    image.paste((*RED, 0), (SIZE // 2, 0, SIZE, SIZE))
    return image


def palette() -> Image.Image:
    image = Image.new("P", (SIZE, SIZE), 0)
    image.putpalette([*RED, 0, 0, 255])
    image.paste(1, (SIZE // 2, 0, SIZE, SIZE))
    return image


def adobe() -> bytes:
    """CMYK as Photoshop writes it, inverted, which its APP14 marker says."""
    return encoded(flat("CMYK", (0, 255, 255, 0)), "JPEG", quality=100, subsampling=0)


def deep(depth: int) -> bytes:
    """RGB of 16 bits for each channel, which PIL cannot write: (depth, 0, 0) of 65,535."""
    rows = (b"\0" + struct.pack(">HHH", depth, 0, 0) * SIZE) * SIZE
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 16, 2, 0, 0, 0)
    pieces = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in pieces
    )


Look = Callable[[np.ndarray], None]


def all_of(*colour: int, by: int = 0) -> Look:
    def look(pixels: np.ndarray) -> None:
        assert np.abs(pixels.astype(int) - colour).max() <= by

    return look


def sides(left: tuple[int, ...], right: tuple[int, ...], by: int = 0) -> Look:
    """What the left and the right half are; what lies between them, a resize may blur."""

    def look(pixels: np.ndarray) -> None:
        all_of(*left, by=by)(pixels[:, :2])
        all_of(*right, by=by)(pixels[:, -2:])

    return look


def ends(above: tuple[int, ...], below: tuple[int, ...], by: int = 0) -> Look:
    return lambda pixels: sides(above, below, by)(pixels.transpose(1, 0, 2))


BLUE = (0, 0, 255)
GOOD: dict[str, tuple[Callable[[], bytes], str, Look]] = {
    "cmyk": (adobe, ".jpg", all_of(*RED, by=3)),
    "16-bit grey": (
        lambda: encoded(Image.fromarray(np.full((SIZE, SIZE), 0x8040, np.uint16)), "PNG"),
        ".png",
        all_of(128, 128, 128),
    ),
    "16-bit colour": (lambda: deep(0x80FF), ".png", all_of(128, 0, 0)),
    "transparency": (lambda: encoded(clear(), "PNG"), ".png", sides(RED, WHITE)),
    "grey and transparency": (lambda: encoded(flat("LA", (0, 0)), "PNG"), ".png", all_of(*WHITE)),
    "a palette with a transparent colour": (
        lambda: encoded(palette(), "GIF", transparency=1),
        ".gif",
        sides(RED, WHITE),
    ),
    "a palette with transparencies": (
        lambda: encoded(palette(), "PNG", transparency=bytes([255, 0])),
        ".png",
        sides(RED, WHITE),
    ),
    "black and white": (lambda: encoded(flat("1", 1), "PNG"), ".png", all_of(*WHITE)),
    "moving gif": (
        lambda: encoded(flat("RGB", RED), "GIF", save_all=True, append_images=[flat("RGB", WHITE)] * 3),
        ".gif",
        all_of(*RED),
    ),
    "moving webp": (
        lambda: encoded(flat("RGB", RED), "WEBP", save_all=True, append_images=[flat("RGB", WHITE)], lossless=True),
        ".webp",
        all_of(*RED),
    ),
    "moving png": (
        lambda: encoded(flat("RGB", RED), "PNG", save_all=True, append_images=[flat("RGB", WHITE)]),
        ".png",
        all_of(*RED),
    ),
    "upright": (lambda: turned(1), ".jpg", ends(RED, BLUE, by=3)),
    "upside down": (lambda: turned(3), ".jpg", ends(BLUE, RED, by=3)),
    "turned to the right": (lambda: turned(6), ".jpg", sides(BLUE, RED, by=3)),
    "turned to the left": (lambda: turned(8), ".jpg", sides(RED, BLUE, by=3)),
    "one pixel": (lambda: encoded(flat("RGB", RED, (1, 1)), "PNG"), ".png", all_of(*RED)),
    "one pixel wide": (lambda: encoded(flat("RGB", RED, (1, 50)), "PNG"), ".png", all_of(*RED)),
    "20,000 pixels wide": (lambda: encoded(flat("RGB", RED, (20_000, 3)), "PNG"), ".png", all_of(*RED)),
    "100 million pixels": (lambda: encoded(flat("1", 1, (20_000, 5_000)), "PNG"), ".png", all_of(*WHITE)),
    "another kind than its name says": (lambda: encoded(flat("RGB", RED), "PNG"), ".jpg", all_of(*RED)),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_can_be_decoded_becomes_the_right_pixels(kind: str, folder: Path) -> None:
    make, suffix, look = GOOD[kind]
    at(folder, make(), suffix)
    store = made(folder, strict=True)
    assert len(store) == 12
    assert store.broken == ()
    check_others(store)
    look(store.images[AT])


def noise(format: str) -> bytes:
    return encoded(Image.effect_noise((60, 60), 90), format)


QUOTA = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>Sorry</body></html>"
BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "truncated jpeg": (lambda: noise("JPEG")[:900], ".jpg", "truncated"),
    "truncated png": (lambda: noise("PNG")[:900], ".png", ""),
    "truncated gif": (lambda: noise("GIF")[:300], ".gif", ""),
    "only a head": (lambda: noise("JPEG")[:10], ".jpg", ""),
    "zero bytes": (lambda: b"", ".jpg", "it is no image"),
    "zeros": (lambda: bytes(5000), ".jpg", "it is no image"),
    "a quota page": (lambda: QUOTA, ".jpg", "it is no image"),
    "a changed byte": (lambda: (c := noise("PNG"))[:200] + bytes([c[200] ^ 255]) + c[201:], ".png", ""),
    "decompression bomb": (lambda: encoded(flat("1", 0, (20_000, 20_000)), "PNG"), ".png", "DecompressionBombError"),
    "a tiff that leads outside": (lambda: b"II*\0" + struct.pack("<I", 1 << 31) + bytes(20), ".tif", ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_decoded_is_skipped_counted_and_listed(kind: str, folder: Path) -> None:
    make, suffix, reason = BAD[kind]
    path = at(folder, make(), suffix)
    with pytest.warns(DataWarning) as warned:
        store = made(folder)
    (line,) = (str(warning.message) for warning in warned if warning.category is DataWarning)
    assert re.match(rf"1 of 12 images .*train of files\b.* {re.escape(str(path))} \(", line)
    assert reason in line
    (broken,) = store.broken
    assert (broken.row, broken.file) == (AT, str(path))
    assert json.loads((store.path / "broken.json").read_text("utf-8")) == [
        {"row": broken.row, "file": broken.file, "reason": broken.reason}
    ]
    assert str(store.path / "broken.json") in line
    assert store.rows.tolist() == [row for row in range(12) if row != AT]
    assert len(store) == len(store.labels) == 11
    check_others(store)


def test_strict_makes_it_an_error_now_and_later(folder: Path) -> None:
    path = at(folder, QUOTA)
    for _ in range(2):
        with pytest.raises(DataError, match=r"1 of 12 images .*train of files .*--strict") as e:
            made(folder, strict=True)
        assert str(path) in e.value.message
    path.write_bytes(encoded(flat("RGB", RED), "PNG"))
    assert len(made(folder, strict=True)) == 12


def test_a_store_that_is_found_again_warns_again(folder: Path) -> None:
    at(folder, QUOTA)
    for _ in range(2):
        with pytest.warns(DataWarning, match="1 of 12 images"):
            made(folder)


def test_many_are_counted_and_the_first_are_shown(folder: Path) -> None:
    for row in range(6):
        (folder / f"{row:02d} ü.png").write_bytes(QUOTA)
    with pytest.warns(DataWarning, match=r"^6 of 12 images .*04 ü\.png \(.+\), \.\.\."):
        assert len(made(folder)) == 6


def test_more_than_half_is_an_error(folder: Path, left: Callable[[], list[str]]) -> None:
    for row in range(7):
        (folder / f"{row:02d} ü.png").write_bytes(QUOTA)
    with pytest.raises(DataError, match=r"^7 of 12 images .*train of files\b"):
        made(folder)
    assert left() == []


def test_a_value_that_lost_all_of_its_images_cannot_be_trained_on(folder: Path) -> None:
    for row in (1, 4, 7, 10):
        (folder / f"{row:02d} ü.png").write_bytes(QUOTA)
    with pytest.warns(DataWarning):
        store = made(folder)
    message = r"third has no example with value b among 8 images, 4 more cannot be decoded \(.*broken\.json\)\."
    with pytest.raises(DataError, match=message):
        require_classes(store, ["third"])


def test_no_warning_of_pil_decides(folder: Path) -> None:
    """Warnings are errors here; one of PIL's must not make an image broken."""
    content = turned(1)
    at(folder, content.replace(b"Exif\0\0II*\0", b"Exif\0\0II*\1").replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\1*"), ".jpg")
    made(folder)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENOENT, errno.EMFILE])
def test_a_file_that_cannot_be_read_is_an_error_for_another_time_it_may_be(
    number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Image.open

    def refuse(path: Any, *more: Any, **options: Any) -> Any:
        if f"{AT:02d}" in Path(str(path)).name:  # and not in the number of a folder
            raise OSError(number, os.strerror(number), path)
        return opened(path, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Image, "open", refuse)
        message = rf"Image 5 of split train of files \(.*05 ü\.png\) cannot be read: {os.strerror(number)}\. Make it"
        with pytest.raises(DataError, match=message):
            made(folder)
    assert len(made(folder, strict=True)) == 12


def test_nothing_is_written_to_where_the_data_are(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    folder.chmod(0o555)
    try:
        made(folder)
    finally:
        folder.chmod(0o755)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_few_large_images_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    draw = Numbers.draw

    def noted(self: Numbers, rows: dict[str, list[int]]) -> dict[str, Any]:
        asked.append(len(rows["index"]))
        return draw(self, rows)

    monkeypatch.setattr(Numbers, "draw", noted)
    prepare(Numbers(100), "train", Geometry(SIZE), name="numbers", workers=1)
    assert max(asked) == decoding.TOGETHER
