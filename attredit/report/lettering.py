"""Text in pictures, in any script: each piece of it in the first font that has its letters.

The fonts are PIL's own, which is the same on every machine and knows ASCII; those that come with dependencies, for most
alphabets and for Chinese, Japanese and Korean; and then whatever the system has. A letter that none of them has
is drawn as the box that stands for it, and a warning says so once.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from PIL import ImageDraw, ImageFont

from attredit.errors import DataWarning

# Fonts whose every letter is a box, or nothing.
_STAND_INS = ("lastresort", "blank")
# Marks that PIL's own font lacks, as a typewriter has them: a line should not change its looks for an apostrophe.
_TYPED = str.maketrans("‘’“”–—−", "''\"\"---")
# Letters that a warning was given of.
_told: set[str] = set()


class Typeface(NamedTuple):
    """A font file and the letters that it has; no file stands for PIL's own font."""

    path: str
    letters: frozenset[int]

    def has(self, text: str) -> bool:
        """Whether it has all letters of a text."""
        return all(unseen(letter) or ord(letter) in self.letters for letter in text)

    def font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """What PIL draws with."""
        return _font(self.path, size)


_OWN = Typeface("", frozenset(range(128)))


def write_line(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: str, size: int, anchor: str = "la"
) -> None:
    """Write one line.

    Args:
        draw: Of the image to write on.
        place: Pixels (x, y).
        text: In any script.
        colour: Its name or #rrggbb.
        size: Height of a line in pixels, roughly.
        anchor: What of the text lies at the place, as PIL has it: l, m or r, and then a, s or d.
    """
    x, y = place
    ascent, descent = _metrics(size)
    y += {"a": ascent, "s": 0, "d": -descent}[anchor[1]]
    x -= {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * length(text, size)
    for piece, face in _pieces(text):
        draw.text((x, y), piece, colour, face.font(size), anchor="ls")
        x += face.font(size).getlength(piece)


def length(text: str, size: int) -> float:
    """Of one line, in pixels."""
    return sum(face.font(size).getlength(piece) for piece, face in _pieces(text))


def line_height(size: int) -> int:
    """From one line to the next, in pixels."""
    return round(1.3 * size)


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def _metrics(size: int) -> tuple[int, int]:
    """What PIL's own font has above and below the line on which letters stand."""
    font = _OWN.font(size)
    return font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (size, 0)


def _pieces(text: str) -> list[tuple[str, Typeface]]:
    """A text in pieces, each with its font: in one if a font has all letters, else in as few as that takes."""
    # Names of files may come with accents apart, as macOS has them.
    text = unicodedata.normalize("NFC", text)
    if (typed := text.translate(_TYPED)).isascii():
        return [(typed, _OWN)]
    if whole := next((face for face in shipped() if face.has(text)), None):
        return [(text, whole)]
    pieces: list[tuple[str, Typeface]] = []
    for letter in text:
        before, face = pieces.pop() if pieces else ("", _OWN)
        if face.has(letter):
            pieces.append((before + letter, face))
        else:
            pieces += [(before, face)] * bool(before) + [(letter, typeface_of(letter))]
    _warn(letter for piece, face in pieces for letter in piece if not face.has(letter))
    return pieces


def _warn(missing: Iterable[str]) -> None:
    """Say once of each letter that no font has it."""
    new = dict.fromkeys(letter for letter in missing if letter not in _told)
    _told.update(new)
    if new:
        said = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in new)
        advice = "Boxes stand for them in pictures; install a font that has them, such as one of Noto's."
        warnings.warn(f"No font on this machine has {said}. {advice}", DataWarning, stacklevel=2)


def typeface_of(letter: str) -> Typeface:
    """The first font that has a letter, or else PIL's own, which draws a box."""
    return next((face for face in chain(shipped(), _of_the_system()) if face.has(letter)), _OWN)


@cache
def shipped() -> tuple[Typeface, ...]:
    """PIL's font and those of dependencies."""
    import matplotlib

    found = [Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"]
    if package := find_spec("paperang_p2_fonts_cjk"):
        found += sorted(
            Path(place) / "fonts" / "wqy-microhei.ttc" for place in package.submodule_search_locations or ()
        )
    return (_OWN, *(face for path in found if (face := _opened(str(path)))))


def _of_the_system() -> Iterator[Typeface]:
    """The system's fonts, each opened when its turn comes."""
    from matplotlib.font_manager import findSystemFonts

    for path in sorted(findSystemFonts()):
        if not any(name in Path(path).name.lower() for name in _STAND_INS) and (face := _opened(path)):
            yield face


@cache
def _opened(path: str) -> Typeface | None:
    """A font with its letters; None if it cannot be drawn with in any size."""
    from matplotlib.ft2font import FT2Font

    try:
        ImageFont.truetype(path, 14)
        return Typeface(path, frozenset(FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return None


def unseen(letter: str) -> bool:
    """Whether a letter only tells how its neighbours look."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"
