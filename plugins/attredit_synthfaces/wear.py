"""What is worn over everything else: hats and glasses."""

from __future__ import annotations

import numpy as np

from attredit_synthfaces.factors import Face
from attredit_synthfaces.features import EYE, eye_x
from attredit_synthfaces.hair import BRIM
from attredit_synthfaces.head import shadow
from attredit_synthfaces.shapes import (
    Array,
    Frame,
    Patch,
    arc,
    both,
    box,
    circle,
    dim,
    either,
    ellipse,
    flat,
    lens,
    light,
    segment,
    smooth,
)
from attredit_synthfaces.streams import Colour
from attredit_synthfaces.styles import Glasses, Hat


def hat(frame: Frame, face: Face) -> None:
    """The hat: down to the hairline, so that bangs and hair at the sides stay visible."""
    own = face.hat
    if own is None:
        return
    patch = frame.patch(-0.9, -1.12, 0.9, -0.2)
    wide = face.shape.width + 0.05
    shade = ellipse(patch.x, patch.y, 0.0, BRIM, wide * 0.96, 0.05)
    patch.paint(shade, dim(shadow(face.skin), 0.7), 0.4, soft=0.06)
    {"beanie": _beanie, "cap": _cap, "brim": _brim, "bucket": _bucket, "beret": _beret}[own.kind](
        patch, face, own, wide
    )


def _cloth(patch: Patch, face: Face, colour: Colour) -> Array:
    """Cloth lit from above and from the light's side."""
    lit = smooth(patch.x * (face.scene.sun * 1.2) - patch.y * 0.9, -0.2, 1.2)
    low, high = flat(dim(colour, 0.66)), flat(light(colour, 0.16))
    return low + (high - low) * lit


def _dome(patch: Patch, wide: float, height: float, low: float) -> Array:
    """Distance to a rounded crown that stands on height `low`."""
    dome = ellipse(patch.x, patch.y, 0.0, low, wide, height)
    return both(dome, patch.y - low)


def _beanie(patch: Patch, face: Face, own: Hat, wide: float) -> None:
    if own.extra:
        top = BRIM - 0.08 - own.height
        ball = circle(patch.x, patch.y, 0.0, top, 0.095)
        patch.paint(ball, _cloth(patch, face, own.trim))
    patch.paint(_dome(patch, wide, own.height + 0.08, BRIM - 0.02), _cloth(patch, face, own.colour))
    cuff = box(patch.x, patch.y, 0.0, BRIM - 0.055, wide + 0.015, 0.065, 0.04)
    ribs = np.abs(patch.x % 0.1 * 20.0 - 1.0)
    patch.paint(cuff, _cloth(patch, face, own.trim) * (0.84 + 0.2 * ribs))


def _cap(patch: Patch, face: Face, own: Hat, wide: float) -> None:
    crown = _dome(patch, wide, own.height + 0.07, BRIM - 0.01)
    patch.paint(crown, _cloth(patch, face, own.colour))
    for x in (-0.24, 0.24):
        seam = np.abs(ellipse(patch.x, patch.y, 0.0, BRIM, abs(x), own.height + 0.07)) - 0.004
        patch.paint(both(seam, crown), dim(own.colour, 0.6), 0.7)
    if own.extra:
        badge = ellipse(patch.x, patch.y, face.pose.turn * 0.05, BRIM - 0.2, 0.1, 0.085)
        patch.paint(both(badge, crown), own.trim)
    x = own.side * 0.14 + face.pose.turn * 0.06
    visor = lens(patch.x, patch.y, (x, BRIM - 0.045), wide * 0.94, 0.02, -0.075, 0.07)
    patch.paint(visor - 0.012, dim(own.trim, 0.55))
    patch.paint(visor, _cloth(patch, face, own.trim))


def _brim(patch: Patch, face: Face, own: Hat, wide: float) -> None:
    crown = box(patch.x, patch.y, 0.0, BRIM - 0.03 - own.height * 0.5, wide * 0.86, own.height * 0.5 + 0.06, 0.14)
    dent = ellipse(patch.x, patch.y, 0.0, BRIM - 0.1 - own.height, 0.16, 0.06)
    patch.paint(crown, _cloth(patch, face, own.colour))
    patch.paint(both(dent, crown), dim(own.colour, 0.6), 0.7, soft=0.03)
    band = both(crown, np.abs(patch.y - (BRIM - 0.1)) - 0.045)
    patch.paint(band, _cloth(patch, face, own.trim))
    brim = ellipse(patch.x, patch.y, 0.0, BRIM - 0.02, wide + 0.2, 0.062)
    patch.paint(brim - 0.01, dim(own.colour, 0.55))
    patch.paint(brim, _cloth(patch, face, own.colour))


def _bucket(patch: Patch, face: Face, own: Hat, wide: float) -> None:
    top = BRIM - own.height + 0.01
    slope = np.abs(patch.x) - (wide * 0.82 + (patch.y - top) * 0.32)
    crown = both(slope * 0.95, top - patch.y, patch.y - (BRIM - 0.06))
    patch.paint(crown - 0.03, _cloth(patch, face, own.colour))
    flare = np.abs(patch.x) - (wide + 0.03 + (patch.y - BRIM + 0.1) * 0.9)
    brim = both(flare * 0.75, np.abs(patch.y - (BRIM - 0.055)) - 0.045)
    patch.paint(brim - 0.012, _cloth(patch, face, own.trim if own.extra else dim(own.colour, 0.8)))
    line = both(brim, np.abs(patch.y - (BRIM - 0.055)) - 0.006)
    patch.paint(line, dim(own.colour, 0.5), 0.5)


def _beret(patch: Patch, face: Face, own: Hat, wide: float) -> None:
    lean = patch.y - patch.x * (own.side * 0.16)
    puff = ellipse(patch.x, lean, own.side * 0.07, BRIM - 0.14, wide * 1.16, own.height * 0.66 + 0.04)
    patch.paint(both(puff + 0.03, patch.y - BRIM + 0.04) - 0.03, _cloth(patch, face, own.colour))
    top = (own.side * 0.07, BRIM - 0.16 - own.height * 0.66)
    patch.paint(segment(patch.x, lean, top, (top[0], top[1] - 0.06), 0.018, 0.012), dim(own.colour, 0.7))
    band = box(patch.x, patch.y, 0.0, BRIM - 0.035, wide, 0.04, 0.03)
    patch.paint(band, _cloth(patch, face, dim(own.trim, 0.9)))


def glasses(frame: Frame, face: Face) -> None:
    """Frames, lenses with a reflection, bridge and temples."""
    own = face.glasses
    if own is None:
        return
    y = EYE + 0.01
    xs = [eye_x(face, side) * 1.03 for side in (-1.0, 1.0)]
    _temples(frame, face, own, xs, y)
    for side, x in zip((-1.0, 1.0), xs, strict=True):
        patch = frame.around(x, y, own.width + 0.08, own.height + 0.08)
        rim = _rim(patch, own, side, x, y)
        patch.paint(rim, own.tint, own.dark)
        _reflection(patch, own, rim, x, y)
        # A thin dark edge: without it a white frame would be lost on pale skin, a golden one on tan.
        patch.paint(np.abs(rim) - (own.thick + 0.009), dim(own.frame, 0.45), 0.5)
        patch.paint(np.abs(rim) - own.thick, own.frame)
    middle = (xs[0] + xs[1]) / 2
    gap = max(0.03, (xs[1] - xs[0]) / 2 - own.width)
    patch = frame.around(middle, y - 0.03, gap + 0.06, 0.06)
    patch.paint(arc(patch.x, patch.y, (middle, y - 0.025), gap + 0.03, 0.012, -0.014, own.thick), own.frame)


def _rim(patch: Patch, own: Glasses, side: float, x: float, y: float) -> Array:
    """Distance to one lens."""
    px, py, w, h = patch.x, patch.y, own.width, own.height
    if own.shape in ("round", "oval"):
        return ellipse(px, py, x, y, w, h)
    if own.shape in ("square", "slim"):
        return box(px, py, x, y, w, h, h * 0.32)
    out = (px - x) * side
    if own.shape == "cateye":
        lifted = py + np.maximum(out, 0.0) * 0.32
        return both(ellipse(px, lifted, x, y, w, h), (y - h * 0.8) - lifted) * 0.96
    drop = 1.0 - (py - y) * 0.9
    return both(ellipse((px - x - side * 0.01) * (1.0 / drop), py, 0.0, y + 0.01, w, h), (y - h * 0.72) - py)


def _reflection(patch: Patch, own: Glasses, rim: Array, x: float, y: float) -> None:
    """Two slanted bars of light."""
    along = (patch.x - x) + (patch.y - y) * 0.7
    bars = either(np.abs(along + 0.035) - 0.022, np.abs(along - 0.03) - 0.008) * 0.82
    patch.paint(both(bars, rim + own.thick + 0.012), (1.0, 1.0, 1.0), 0.34 if own.dark < 0.5 else 0.22)


def _temples(frame: Frame, face: Face, own: Glasses, xs: list[float], y: float) -> None:
    for side, x in zip((-1.0, 1.0), xs, strict=True):
        start, end = (x + side * own.width, y - 0.03), (side * (face.shape.width + 0.01), y - 0.045)
        patch = frame.patch(min(start[0], end[0]) - 0.03, y - 0.1, max(start[0], end[0]) + 0.03, y + 0.04)
        patch.paint(segment(patch.x, patch.y, start, end, own.thick, own.thick * 0.8), own.frame)
