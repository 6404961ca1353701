"""Hair: what is behind the head, what frames the face, bangs."""

from __future__ import annotations

import numpy as np

from attredit_synthfaces.factors import Face
from attredit_synthfaces.head import outline, shadow
from attredit_synthfaces.shapes import (
    Array,
    Frame,
    Patch,
    both,
    box,
    circles,
    dim,
    either,
    ellipse,
    flat,
    light,
    segment,
    smooth,
    zigzag,
)
from attredit_synthfaces.streams import Colour
from attredit_synthfaces.styles import Fringe

BRIM = -0.40
"""Height of the lower edge of a hat; hair above it is not drawn."""


def _tone(patch: Patch, face: Face, base: float = 1.0) -> Array:
    """Colour of the hair (3, h, w): lit from above and from the light's side, with a shining band and strands."""
    x, y = patch.x, patch.y
    lit = smooth(x * (face.scene.sun * 0.9) - y * 0.75, -0.75, 0.75)
    strand = zigzag(x * (1.0 + 0.35 * y), 0.11)
    bow = y + 0.47 + 0.55 * x * x
    band = 1.0 - np.minimum(np.abs(bow + (strand - 0.5) * 0.03) * (1 / 0.085), 1.0)
    lit = lit * 0.75 + strand * 0.16
    low, high = flat(_dark(face.hair, base)), flat(light(dim(face.hair, base), 0.1))
    return low + (high - low) * lit + (band * band * (face.cut.gloss * 0.20 * base)) * flat(light(face.hair, 0.5))


def _dark(hair: Colour, base: float) -> Colour:
    """Hair in its own shadow, warmer, or blond hair would turn olive."""
    return hair[0] * 0.64 * base, hair[1] * 0.53 * base, hair[2] * 0.46 * base


def _fits(distance: Array, patch: Patch, face: Face) -> Array:
    """The part of the hair that a hat leaves to be seen."""
    return distance if face.hat is None else both(distance, BRIM - patch.y)


def back(frame: Frame, face: Face) -> None:
    """Hair behind head and neck."""
    patch = frame.patch(-0.8, -0.8, 0.8, 1.1)
    patch.paint(_fits(_behind(patch, face), patch, face), _tone(patch, face, 0.74))


def _behind(patch: Patch, face: Face) -> Array:
    """Distance to the hair behind the head, by cut."""
    x, y, wide, build, bulk = patch.x, patch.y, face.shape.width, face.build, face.cut.volume
    cap = ellipse(x, y, 0.0, -0.1, wide + bulk * 0.9, face.shape.height - 0.06 + bulk)
    if build.cut == "crop":
        return both(cap + bulk * 0.15, y - 0.12)
    if build.cut == "short":
        return both(cap, y - 0.16)
    if build.cut == "curly":
        return either(cap, circles(x, y, _curls(face)))
    if build.cut == "bob":
        low = build.length if build.length > 0.2 else 0.32
        return either(cap, box(x, y, 0.0, (low - 0.3) / 2, wide + bulk + 0.05, (low + 0.3) / 2, 0.16))
    curtain = box(x, y, 0.0, 0.3, wide + bulk + 0.03, 0.62, 0.25)
    if build.cut == "wavy":
        curtain = curtain - _wave(patch, face) * 0.07 + 0.01
    return either(cap, curtain)


def _wave(patch: Patch, face: Face) -> Array:
    """How far wavy hair swings out at each height, 0 to 1."""
    swing = zigzag(patch.y + face.build.curl * 0.2, 0.26)
    return swing * swing * (3.0 - 2.0 * swing)


def _curls(face: Face) -> list[tuple[float, float, float]]:
    """A wreath of curls around the head, and some lower down for long ones."""
    wide, tall = face.shape.width + 0.03, face.shape.height
    r = 0.13 + 0.035 * face.build.curl
    ring = [(0.0, -1.0), (0.45, -0.9), (0.8, -0.62), (0.99, -0.26), (1.04, 0.08)]
    if face.build.length > 0.2:
        ring += [(1.08, 0.36), (1.0, 0.62)]
    right = [(wide * u, tall * v - 0.02, r) for u, v in ring]
    return right + [(-u, v, radius) for u, v, radius in right[1:]]


def locks(frame: Frame, face: Face) -> None:
    """Strands of long hair that fall in front of the shoulders."""
    if face.build.cut not in ("long", "wavy"):
        return
    for side in (-1.0, 1.0):
        x = side * (face.shape.width + face.cut.volume * 0.3)
        patch = frame.patch(x - 0.22, -0.1, x + 0.22, 1.1)
        px = patch.x
        if face.build.cut == "wavy":
            px = px - side * (_wave(patch, face) - 0.5) * 0.06
        end = 0.62 + face.build.length * 0.5
        fall = segment(px, patch.y, (x, 0.0), (x + side * 0.02, end), 0.1, 0.085)
        patch.paint(_fits(fall, patch, face), _tone(patch, face, 0.9))


def front(frame: Frame, face: Face) -> None:
    """Hair over the head: it frames the face, and ends as bangs if there are any."""
    patch = frame.patch(-0.68, -0.78, 0.68, 0.5)
    edge = outline(patch, face)
    over = edge - (0.045 if face.build.cut == "crop" else face.cut.volume)
    if face.build.cut == "curly":
        curls = _curls(face)
        over = either(over, circles(patch.x, patch.y, curls[:4] + curls[-3:]))
    side = _around_face(patch, face, over)
    patch.paint(both(side, edge + 0.005) - 0.035, dim(shadow(face.skin), 0.8), 0.4, soft=0.07)
    patch.paint(_fits(side, patch, face), _tone(patch, face))
    if face.fringe is not None:
        _bangs(patch, face, face.fringe, edge, over)


def _around_face(patch: Patch, face: Face, over: Array) -> Array:
    """Distance to the hair around the face: the head, thicker, without an opening for the face."""
    x, y, line, turn = patch.x, patch.y, face.cut.line, face.pose.turn * 0.03
    top = -0.40 + face.cut.high - (0.05 if line == "high" else 0.0)
    low, rx = 0.62, face.shape.width * 0.9
    centre, ry = (low + top) / 2, (low - top) / 2
    if line == "middle":
        halves = [ellipse(x, y, turn + side * rx * 0.32, centre, rx * 0.68, ry) for side in (-1.0, 1.0)]
        opening = either(*halves)
    elif line == "side":
        part = face.cut.part
        lean = y + (x - part) * (-0.35 if part < 0 else 0.35)
        opening = both(ellipse(x, y, turn, centre, rx, ry + 0.03), top - lean)
    else:
        opening = ellipse(x, y, turn, centre, rx, ry)
    ends = {"crop": 0.05, "short": 0.08}.get(face.build.cut, 0.14)
    return both(over, -opening, y - ends)


def _bangs(patch: Patch, face: Face, own: Fringe, edge: Array, over: Array) -> None:
    x, y = patch.x, patch.y
    bottom = _ends(patch, face, own)
    # Some of these edges are slanted; 0.8 is between what level and the steepest ones need to be sharp.
    inside = both(either(over, edge - 0.02), (y - bottom) * 0.8, np.abs(x) - face.shape.width * 1.02)
    patch.paint(both(inside - 0.03, edge), dim(shadow(face.skin), 0.7), 0.6, soft=0.06)
    strand = zigzag(x + y * 0.1, 0.13)
    # A sheen near the ends: without it black or brown bangs would not be told from a forehead as dark.
    sheen: Array = 1.0 - np.minimum(np.abs(y - bottom + 0.085 + 0.02 * strand) * (1 / 0.07), 1.0)
    tone = _tone(patch, face, 0.96) * (0.9 + 0.14 * strand) + (sheen * 0.24) * flat(light(face.hair, 0.45))
    patch.paint(_fits(inside, patch, face), tone)
    patch.paint(both(inside, bottom - 0.024 - y), _dark(face.hair, 0.62), 0.75)


def _ends(patch: Patch, face: Face, own: Fringe) -> Array:
    """How low the bangs reach at each place."""
    x = patch.x - face.pose.turn * 0.03
    if own.kind == "straight":
        return own.low + 0.16 * patch.x * patch.x
    if own.kind == "choppy":
        return own.low + 0.02 - zigzag(x, 0.16) * 0.075
    if own.kind == "swept":
        t = x * (own.side / face.shape.width)
        return own.low - 0.055 + 0.1 * t + 0.05 * t * t
    parted: Array = np.maximum(0.24 - np.abs(x - own.side * 0.05), 0.0)
    return own.low + 0.10 - parted * 1.05
