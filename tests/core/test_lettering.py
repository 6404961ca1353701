"""Names in any script are letters in pictures, and boxes only with a warning."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from attredit.errors import DataWarning
from attredit.inspection.page import matrix_svg
from attredit.report import lettering
from attredit.report.grid import grid
from attredit.report.lettering import length, write_line

NAMES = [
    "Lächeln",
    "Lunettes dorées",
    "微笑",
    "眼镜",
    "メガネ",
    "안경",
    "улыбка",
    "ابتسامة",
    "חיוך",
    "Nụ cười",
    "γυαλιά",
    "😀",
    "❤️",
]
# No font has a picture of what is no letter; all have a box for it.
NOTHING = "\U0010fffe"


def drawn(text: str) -> np.ndarray:
    image = Image.new("L", (400, 40), "white")
    write_line(ImageDraw.Draw(image), (5, 5), text, "black", 20)
    return np.asarray(image)


def boxes() -> list[bytes]:
    """What stands for a missing letter, in every font that is used without asking the system."""
    found = []
    for face in lettering.shipped():
        image = Image.new("L", (400, 40), "white")
        ImageDraw.Draw(image).text((5, 25), NOTHING, "black", face.font(20), anchor="ls")
        found.append(image.tobytes())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_letters_are_no_boxes(name: str) -> None:
    missing = boxes()
    letters = [letter for letter in name if not letter.isspace() and not lettering.unseen(letter)]
    pixels = {letter: drawn(letter) for letter in letters}
    assert all(image.min() < 128 and image.tobytes() not in missing for image in pixels.values())
    assert len({image.tobytes() for image in pixels.values()}) == len(pixels)  # and no two are the same sign
    cell = np.full((16, 16, 3), 128, np.uint8)
    headed = np.asarray(grid([[cell]], columns=[name]))
    assert headed.shape[0] > np.asarray(grid([[cell]])).shape[0]
    assert (headed[:30] < 100).sum() > 30


def test_accents_that_are_apart_are_put_together() -> None:
    np.testing.assert_array_equal(drawn("La\u0308cheln"), drawn("Lächeln"))


@pytest.mark.skipif(not features.check("raqm"), reason="PIL without raqm does not join letters")
def test_letters_of_arabic_are_joined() -> None:
    assert length("ابتسامة", 20) < 0.9 * sum(length(letter, 20) for letter in "ابتسامة")


def test_scripts_beside_each_other_stand_on_one_line() -> None:
    both = "眼镜 ابتسامة"
    assert length(both, 20) == pytest.approx(length("眼镜 ", 20) + length("ابتسامة", 20))
    right = Image.new("L", (400, 40), "white")
    write_line(ImageDraw.Draw(right), (300, 5), both, "black", 20, anchor="ra")
    columns = np.flatnonzero((np.asarray(right) < 200).any(0))
    assert 290 < columns[-1] <= 301
    assert 300 - length(both, 20) - 2 < columns[0] < 300 - 0.9 * length(both, 20)


def test_what_no_font_has_is_said_once() -> None:
    with pytest.warns(
        DataWarning, match=r"^No font on this machine has \U0010fffe \(U\+10FFFE\)\. .*install a font"
    ) as said:
        assert (drawn(f"a {NOTHING}{NOTHING} 微笑") < 128).any()
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(f"again {NOTHING}")


def test_the_system_s_fonts_are_asked_last_and_broken_ones_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chinese = lettering.shipped()[-1]
    np.testing.assert_equal(drawn("微笑").shape, (40, 400))
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    shutil.copy(chinese.path, tmp_path / "LastResort.ttc")
    place = shutil.copy(chinese.path, tmp_path / "nice.ttc")
    expected = drawn("微笑")
    monkeypatch.setattr(lettering, "find_spec", lambda name: None)
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [str(p) for p in tmp_path.iterdir()])
    lettering.shipped.cache_clear()
    assert lettering.typeface_of("微").path == str(place)
    np.testing.assert_array_equal(drawn("微笑"), expected)
    lettering.shipped.cache_clear()


def test_pages_leave_letters_to_the_browser() -> None:
    assert ">微笑</text>" in str(matrix_svg(np.eye(2), ["微笑", "หมวก"]))
