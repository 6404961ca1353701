"""Eyes, brows, nose, mouth, cheeks and moustache."""

from __future__ import annotations

from attredit_synthfaces.factors import Face
from attredit_synthfaces.head import shadow
from attredit_synthfaces.shapes import (
    Array,
    Frame,
    Patch,
    arc,
    both,
    circle,
    dim,
    either,
    ellipse,
    lens,
    light,
    mix,
    segment,
)
from attredit_synthfaces.streams import Colour

EYE = -0.015
"""Height of the eyes."""
MOUTH = 0.345
"""Height of the mouth."""
_INK: Colour = (0.10, 0.07, 0.08)


def eye_x(face: Face, side: float) -> float:
    """Where an eye is: a turned head moves both and brings the far one nearer to the nose."""
    turn = face.pose.turn
    return side * face.eyes.gap * (1.0 - 0.07 * side * turn) + turn * 0.06


def eyes(frame: Frame, face: Face) -> None:
    """Both eyes with lids and lashes."""
    for side in (-1.0, 1.0):
        _eye(frame, face, side)


def _eye(frame: Frame, face: Face, side: float) -> None:
    own, x = face.eyes, eye_x(face, side)
    w = own.width * (1.0 - 0.1 * side * face.pose.turn)
    top, bottom = -0.075 * own.open, 0.055 * own.open
    patch = frame.around(x, EYE, w + 0.08, 0.16)
    ys = patch.y - (own.slant * side) * (patch.x - x) * 8.0
    socket = ellipse(patch.x, ys, x, EYE - 0.03, w * 1.2, 0.1)
    patch.paint(socket, shadow(face.skin), 0.35, soft=0.09)
    ball = lens(patch.x, ys, (x, EYE), w, 0.0, top, bottom)
    patch.paint(ball, (0.97, 0.96, 0.95))
    patch.paint(both(ball, ys - (EYE + top * 0.45)), (0.72, 0.72, 0.78), 0.55, soft=0.04)
    _iris(patch, face, ball, x)
    lid = arc(patch.x, ys, (x, EYE), w * 1.06, 0.004, top, 0.011 + 0.011 * face.build.lash)
    patch.paint(lid, _INK)
    patch.paint(arc(patch.x, ys, (x, EYE), w * 0.9, 0.0, bottom, 0.004), dim(shadow(face.skin), 0.7), 0.7)
    crease = arc(patch.x, ys, (x, EYE - 0.03), w * 0.95, 0.0, top, 0.004)
    patch.paint(crease, dim(shadow(face.skin), 0.8), 0.6)
    if face.build.lash:
        _lashes(patch, face, ys, x + side * w, side)


def _iris(patch: Patch, face: Face, ball: Array, x: float) -> None:
    own = face.eyes
    cx, cy = x + own.gaze[0] + face.pose.turn * 0.008, EYE - 0.008 + own.gaze[1]
    from_centre = circle(patch.x, patch.y, cx, cy, own.iris)
    patch.paint(both(from_centre, ball), dim(own.colour, 0.55))
    patch.paint(both(from_centre + 0.012, ball), own.colour)
    glow = circle(patch.x, patch.y, cx, cy + 0.025, own.iris * 0.5)
    patch.paint(both(glow, ball), light(own.colour, 0.35), 0.8, soft=0.03)
    patch.paint(both(from_centre + own.iris * 0.52, ball), (0.04, 0.03, 0.04))
    spark = circle(patch.x, patch.y, cx + face.scene.sun * 0.028 + 0.004, cy - 0.024, 0.015)
    patch.paint(spark, (1.0, 1.0, 1.0))


def _lashes(patch: Patch, face: Face, ys: Array, corner: float, side: float) -> None:
    length = 0.05 * face.build.lash
    for drop, reach in ((-0.005, 1.0), (-0.03, 0.75)):
        start = (corner - side * (0.012 - drop * 0.9), EYE + drop)
        end = (start[0] + side * length * reach, start[1] - length * 0.75)
        patch.paint(segment(patch.x, ys, start, end, 0.012, 0.003), _INK)


def brows(frame: Frame, face: Face) -> None:
    """Both brows, a darker shade of the hair."""
    build, y = face.build, face.shape.brow_height
    colour = mix(dim(face.hair, 0.52), (0.13, 0.08, 0.06), 0.45)
    for side in (-1.0, 1.0):
        x = eye_x(face, side) + side * 0.01
        patch = frame.around(x, y, 0.16, 0.1)
        ys = patch.y - (face.shape.brow_slant * side) * (patch.x - x) * 6.0
        bend = arc(patch.x, ys, (x, y + build.arch * 0.5), 0.135, build.arch * 0.6, -build.arch * 0.6, build.brow)
        patch.paint(bend, colour, 0.95)


def nose(frame: Frame, face: Face) -> None:
    """A soft ridge lit from one side, the tip, and the shadow below it."""
    turn, size, sun = face.pose.turn, face.shape.nose_size, face.scene.sun
    x, y = turn * 0.085, 0.15
    wide = {"button": 0.062, "long": 0.055, "wide": 0.085, "pointed": 0.05}[face.shape.nose] * size
    far = -1.0 if sun > 0 else 1.0
    patch = frame.patch(x - 0.16, -0.1, x + 0.16, 0.24)
    side = segment(patch.x, patch.y, (x * 0.6 + far * 0.035, -0.06), (x + far * wide * 0.75, y), 0.012, 0.035)
    patch.paint(side, shadow(face.skin), 0.5, soft=0.06)
    ridge = segment(patch.x, patch.y, (x * 0.6, -0.05), (x, y - 0.03), 0.008, 0.02)
    patch.paint(ridge, light(face.skin, 0.4), 0.4, soft=0.045)
    patch.paint(circle(patch.x, patch.y, x - far * 0.012, y - 0.02, wide * 0.5), light(face.skin, 0.5), 0.45, soft=0.05)
    dark = dim(shadow(face.skin), 0.72)
    dip = 0.034 if face.shape.nose == "pointed" else 0.022
    patch.paint(arc(patch.x, patch.y, (x, y + 0.012), wide, -0.012, dip, 0.011), dark, 0.85)
    if face.shape.nose in ("wide", "long"):
        for s in (-1.0, 1.0):
            cx = x + s * wide * 0.98
            patch.paint(arc(patch.x, patch.y, (cx, y), 0.022, 0.014, -0.016, 0.008), dark, 0.7)


def cheeks(frame: Frame, face: Face) -> None:
    """Rosy cheeks."""
    own = face.blush
    if own is None:
        return
    rx, ry = {"round": (1.0, 1.0), "oval": (1.2, 0.78), "slant": (1.15, 0.8)}[own.kind]
    for side in (-1.0, 1.0):
        x, y = side * face.shape.width * 0.64 + face.pose.turn * 0.04, 0.205
        patch = frame.around(x, y, own.size * 1.9, own.size * 1.9)
        ys = patch.y + (patch.x - x) * (side * 0.45) if own.kind == "slant" else patch.y
        spot = ellipse(patch.x, ys, x, y, own.size * rx * 0.8, own.size * ry * 0.8)
        # Mixed with the skin, or it would look stuck on.
        patch.paint(spot, mix(own.colour, face.skin, 0.12), own.opacity, soft=own.size * 0.9)


def lips(face: Face) -> Colour:
    """Lipstick, or a little redder than the skin."""
    if face.lipstick is not None:
        return face.lipstick
    # The darker the skin, the more of the pink: lips must stand out from it for a smile to be seen.
    return mix(shadow(face.skin), (0.86, 0.48, 0.45), 0.72 - 0.48 * face.skin[1])


def mouth(frame: Frame, face: Face) -> None:
    """Lips and, where the mouth is open, what is between them."""
    own, x, y = face.mouth, face.pose.turn * 0.07, MOUTH + face.mouth.drop
    patch = frame.around(x, y, own.width + 0.09, 0.26)
    _lips(patch, face, x, y)
    seam: Colour = mix((0.22, 0.06, 0.07), shadow(face.skin), 0.12)
    if own.lower > 0:
        _opening(patch, face, x, seam)
    else:
        patch.paint(arc(patch.x, patch.y, (x, y), own.width * 1.04, -own.lift, 0.0, 0.016), seam)
    if own.dimples:
        _dimples(patch, face, x, y)


def _lips(patch: Patch, face: Face, x: float, y: float) -> None:
    """Both lips, closed; the lower one shines."""
    own, colour = face.mouth, lips(face)
    lip = own.lip * (1.25 if face.lipstick is not None else 1.05)
    outer = lens(patch.x, patch.y, (x, y), own.width, -own.lift, -own.upper - lip * 1.15, own.lower + lip * 1.5)
    patch.paint(outer - 0.006, colour)
    low = (x, y + own.lower + lip * 0.85)
    gloss = arc(patch.x, patch.y, low, own.width * 0.4, -own.lift * 0.15, 0.0, lip * 0.3)
    patch.paint(gloss, light(colour, 0.45), 0.55, soft=0.02)


def _dimples(patch: Patch, face: Face, x: float, y: float) -> None:
    """A short fold beside each corner of the mouth."""
    y -= face.mouth.lift
    for side in (-1.0, 1.0):
        corner = x + side * (face.mouth.width + 0.02)
        fold = segment(patch.x, patch.y, (corner, y - 0.025), (corner + side * 0.012, y + 0.03), 0.006, 0.006)
        patch.paint(fold, dim(shadow(face.skin), 0.8), 0.75)


def _opening(patch: Patch, face: Face, x: float, seam: Colour) -> None:
    own = face.mouth
    inner = lens(patch.x, patch.y, (x, MOUTH), own.width * 0.95, -own.lift * 0.96, -own.upper, own.lower)
    patch.paint(inner - 0.006, seam)
    if own.kind == "laugh":
        tongue = ellipse(patch.x, patch.y, x, MOUTH + own.lower, own.width * 0.55, own.lower * 0.55)
        patch.paint(both(tongue, inner + 0.004), (0.82, 0.36, 0.38))
    if own.kind in ("laugh", "teeth", "grin"):
        deep = {"laugh": 0.45, "teeth": 0.8, "grin": 1.0}[own.kind]
        teeth = lens(
            patch.x, patch.y, (x, MOUTH), own.width * 0.9, -own.lift * 0.93, -own.upper, own.lower * deep + 0.004
        )
        patch.paint(both(teeth, inner + 0.002), (0.98, 0.97, 0.94))
    if own.kind == "grin":
        line = arc(patch.x, patch.y, (x, MOUTH + own.lower * 0.4), own.width * 0.8, -own.lift * 0.75, 0.0, 0.003)
        patch.paint(both(line, inner), (0.62, 0.56, 0.56), 0.7)


def moustache(frame: Frame, face: Face) -> None:
    """The moustache, above the mouth so that it does not hide what the mouth does."""
    own = face.moustache
    if own is None:
        return
    x, y, w, t = face.pose.turn * 0.08, 0.248, own.width, own.thick
    patch = frame.around(x, y, w + 0.12, 0.17)
    # Darker on dark skin, from which brown and shaded blond hair would not stand out.
    colour = dim(mix(dim(face.hair, own.shade * 0.9, 1.15), (0.16, 0.08, 0.05), 0.35), 0.3 + 0.75 * face.skin[1])
    shape = _moustache_shape(patch, own.kind, x, y, w, t)
    patch.paint(shape, colour)
    gloss = both(shape + 0.018, patch.y - (y - 0.006))
    patch.paint(gloss, light(colour, 0.25), 0.5, soft=0.025)


def _moustache_shape(patch: Patch, kind: str, x: float, y: float, w: float, t: float) -> Array:
    px, py = patch.x, patch.y
    if kind == "chevron":
        return lens(px, py, (x, y), w, 0.035, -0.04 * t, 0.03 * t) - 0.008
    if kind == "walrus":
        return lens(px, py, (x, y), w * 1.08, 0.05, -0.045 * t, 0.045 * t) - 0.012
    gap, reach, end = {"handlebar": (0.05, 1.0, -0.03), "painter": (0.045, 0.85, 0.05), "split": (0.075, 0.9, 0.02)}[
        kind
    ]
    halves = []
    for side in (-1.0, 1.0):
        start, stop = (x + side * gap, y - 0.005), (x + side * w * reach, y + end * 0.6)
        halves.append(segment(px, py, start, stop, 0.036 * t, 0.02 * t))
        if kind == "handlebar":
            tip = (x + side * (w + 0.05), y - 0.055)
            halves.append(segment(px, py, stop, tip, 0.02 * t, 0.007))
        if kind == "painter":
            tip = (x + side * (w * 1.1 + 0.05), y + 0.10)
            halves.append(segment(px, py, stop, tip, 0.02 * t, 0.012))
    shape = halves[0]
    for half in halves[1:]:
        shape = either(shape, half)
    return shape
