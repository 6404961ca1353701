"""How an attribute looks: for each one the ways of having it, and the ways of not having it.

An attribute is more than present or absent: glasses have frames, smiles have teeth. Every sampler here reads one stream
of its own, so a face has a style for what it does not wear as well, and putting it on changes nothing else. Lengths
are in units of the head's frame, in which the head is about 0.86 wide and 1.14 high.
"""

from __future__ import annotations

from dataclasses import dataclass

from attredit_synthfaces.streams import Colour, Draws


@dataclass(frozen=True)
class Glasses:
    """Eyeglasses; `tint` covers the lenses with opacity `dark`."""

    shape: str
    width: float
    height: float
    thick: float
    frame: Colour
    tint: Colour
    dark: float


_FRAMES: tuple[Colour, ...] = (
    (0.07, 0.07, 0.08),
    (0.07, 0.07, 0.08),
    (0.30, 0.15, 0.07),
    (0.72, 0.55, 0.18),
    (0.70, 0.10, 0.14),
    (0.10, 0.22, 0.55),
    (0.93, 0.93, 0.92),
    (0.08, 0.40, 0.36),
)
_TINTS: tuple[Colour, ...] = ((0.06, 0.06, 0.08), (0.22, 0.12, 0.06), (0.08, 0.15, 0.32), (0.10, 0.26, 0.18))
_LIGHT_TINTS: tuple[Colour, ...] = ((1.0, 0.72, 0.25), (0.95, 0.55, 0.65), (0.45, 0.75, 0.98))


def eyeglasses(d: Draws) -> Glasses:
    """Round, square, oval, slim, cat-eye or aviator frames; clear, tinted or sunglasses."""
    shape = d.pick(("round", "square", "oval", "slim", "cateye", "aviator"))
    size = d.between(0.94, 1.08)
    width, height = {
        "round": (0.148, 0.148),
        "square": (0.155, 0.128),
        "oval": (0.165, 0.12),
        "slim": (0.165, 0.095),
        "cateye": (0.165, 0.118),
        "aviator": (0.165, 0.15),
    }[shape]
    frame, thick = d.near(_FRAMES, 0.03), d.between(0.014, 0.026)
    glass = d.pick(("clear", "clear", "clear", "tinted", "sun"))
    tint, dark = {
        "clear": ((0.93, 0.97, 1.0), 0.16),
        "tinted": (d.pick(_LIGHT_TINTS), 0.42),
        "sun": (d.pick(_TINTS), d.between(0.82, 0.94)),
    }[glass]
    return Glasses(shape, width * size, height * size, thick, frame, tint, dark)


@dataclass(frozen=True)
class Build:
    """What the label Male changes: bones, brows, lashes, neck, shoulders, cut of hair, stubble.

    `taper` narrows the jaw, `square` makes it angular, `chin` is the height of the face below the eyes.
    """

    taper: float
    square: float
    chin: float
    brow: float
    arch: float
    lash: float
    neck: float
    shoulders: float
    cut: str
    length: float
    stubble: float
    curl: float


def male(d: Draws) -> Build:
    """A wide jaw, strong brows, short hair as a rule."""
    return Build(
        taper=d.between(0.07, 0.15),
        square=d.between(0.5, 0.85),
        chin=d.between(0.585, 0.625),
        brow=d.between(0.030, 0.040),
        arch=d.between(0.0, 0.018),
        lash=0.0,
        neck=d.between(0.245, 0.28),
        shoulders=d.between(0.80, 0.9),
        cut=d.pick(("short", "short", "short", "crop", "crop", "curly", "bob")),
        length=d.between(-0.02, 0.12),
        stubble=d.pick((0.0, 0.1, 0.16, 0.22)),
        curl=d.between(0.0, 1.0),
    )


def female(d: Draws) -> Build:
    """A narrow chin, fine arched brows, lashes, long hair as a rule."""
    return Build(
        taper=d.between(0.29, 0.4),
        square=d.between(0.0, 0.15),
        chin=d.between(0.54, 0.57),
        brow=d.between(0.013, 0.018),
        arch=d.between(0.03, 0.05),
        lash=d.between(0.75, 1.0),
        neck=d.between(0.15, 0.175),
        shoulders=d.between(0.58, 0.67),
        cut=d.pick(("long", "long", "wavy", "wavy", "bob", "bob", "curly", "short")),
        length=d.between(0.34, 0.52),
        stubble=0.0,
        curl=d.between(0.0, 1.0),
    )


_BLOND: tuple[Colour, ...] = (
    (0.86, 0.68, 0.34),
    (0.95, 0.78, 0.38),
    (0.97, 0.86, 0.52),
    (0.97, 0.91, 0.70),
)
_DARK: tuple[Colour, ...] = (
    (0.10, 0.09, 0.11),
    (0.20, 0.13, 0.10),
    (0.34, 0.21, 0.13),
    (0.45, 0.22, 0.12),
    (0.52, 0.21, 0.10),
)


def blond(d: Draws) -> Colour:
    """From honey over gold to platinum."""
    return d.blend(_BLOND, 0.02)


def not_blond(d: Draws) -> Colour:
    """From black over brown to copper."""
    return d.blend(_DARK, 0.02)


_PALE: tuple[Colour, ...] = ((0.99, 0.90, 0.81), (0.99, 0.89, 0.85), (0.97, 0.90, 0.88))
_TONES: tuple[Colour, ...] = (
    (0.90, 0.69, 0.52),
    (0.83, 0.60, 0.42),
    (0.69, 0.46, 0.30),
    (0.53, 0.33, 0.21),
    (0.42, 0.27, 0.185),
)


def pale(d: Draws) -> Colour:
    """Ivory, rose or porcelain."""
    return d.blend(_PALE, 0.008)


def toned(d: Draws) -> Colour:
    """Any skin from light tan to deep brown."""
    return d.blend(_TONES, 0.012)


@dataclass(frozen=True)
class Fringe:
    """Bangs: how they end over the brows, and on which side they part."""

    kind: str
    low: float
    side: float


def bangs(d: Draws) -> Fringe:
    """Straight, choppy, swept to a side or parted like a curtain."""
    kind = d.pick(("straight", "choppy", "swept", "curtain"))
    return Fringe(kind, d.between(-0.225, -0.19), d.pick((-1.0, 1.0)))


@dataclass(frozen=True)
class Hat:
    """Headgear with its colour and that of its band, cuff or trim."""

    kind: str
    colour: Colour
    trim: Colour
    height: float
    side: float
    extra: bool


_CLOTH: tuple[Colour, ...] = (
    (0.80, 0.20, 0.22),
    (0.16, 0.32, 0.62),
    (0.13, 0.48, 0.42),
    (0.52, 0.27, 0.58),
    (0.90, 0.48, 0.22),
    (0.20, 0.21, 0.26),
    (0.88, 0.38, 0.52),
    (0.36, 0.60, 0.80),
    (0.42, 0.50, 0.22),
    (0.90, 0.88, 0.84),
)


def hat(d: Draws) -> Hat:
    """Beanie, baseball cap, hat with a brim, bucket hat or beret."""
    kind = d.pick(("beanie", "cap", "brim", "bucket", "beret"))
    return Hat(
        kind, d.near(_CLOTH, 0.05), d.near(_CLOTH, 0.05), d.between(0.27, 0.34), d.pick((-1.0, 1.0)), d.chance(0.6)
    )


@dataclass(frozen=True)
class Moustache:
    """A moustache; its colour is that of the hair, darker by `shade`."""

    kind: str
    width: float
    thick: float
    shade: float


def moustache(d: Draws) -> Moustache:
    """Chevron, walrus, handlebar, drooping or split in two."""
    kind = d.pick(("chevron", "walrus", "handlebar", "painter", "split"))
    return Moustache(kind, d.between(0.135, 0.17), d.between(0.9, 1.15), d.between(0.42, 0.6))


@dataclass(frozen=True)
class Blush:
    """Rosy cheeks."""

    kind: str
    size: float
    colour: Colour
    opacity: float


def blush(d: Draws) -> Blush:
    """Soft rounds, ovals or slanted strokes of pink to red."""
    kind = d.pick(("round", "oval", "slant"))
    colour = d.near(((0.96, 0.36, 0.42), (0.94, 0.42, 0.36), (0.93, 0.30, 0.46)), 0.03)
    return Blush(kind, d.between(0.1, 0.13), colour, d.between(0.55, 0.7))


_LIPSTICKS: tuple[Colour, ...] = (
    (0.84, 0.06, 0.14),
    (0.90, 0.12, 0.38),
    (0.62, 0.04, 0.18),
    (0.72, 0.10, 0.48),
    (0.93, 0.22, 0.18),
)


def lipstick(d: Draws) -> Colour:
    """Red, pink, berry, magenta or coral."""
    return d.near(_LIPSTICKS, 0.03)
