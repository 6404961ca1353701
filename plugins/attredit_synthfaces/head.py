"""Background, clothes, neck, ears and the head itself."""

from __future__ import annotations

import numpy as np

from attredit_synthfaces.factors import Face, Scene
from attredit_synthfaces.shapes import (
    Array,
    Frame,
    Patch,
    arc,
    both,
    box,
    circle,
    circles,
    dim,
    ellipse,
    flat,
    lens,
    light,
    mix,
    smooth,
)
from attredit_synthfaces.streams import Colour


def shadow(skin: Colour) -> Colour:
    """The colour of skin that the light does not reach: darker and redder, as blood shines through."""
    return skin[0] * 0.78, skin[1] * 0.65, skin[2] * 0.62


def background(canvas: Array, scene: Scene) -> None:
    """Fill the canvas."""
    frame = Frame(canvas)
    whole = frame.patch(-1, -1, 1, 1)
    run = whole.y * 0.5 if scene.kind != "diagonal" else (whole.y + whole.x * (scene.sun + 0.01)) * 0.4
    top, bottom = flat(scene.top), flat(scene.bottom)
    canvas[...] = top + (bottom - top) * (run + 0.5)
    x, y, r = scene.spot
    if scene.kind == "glow":
        whole.paint(circle(whole.x, whole.y, 0.0, -0.1, 0.62), light(scene.top, 0.35), 0.8, soft=0.9)
    if scene.kind == "discs":
        for cx, cy, radius in ((x, y, r), (-x, y * 0.5 - 0.3, r * 0.6), (x * 0.3 - 0.5, -y - 0.2, r * 0.45)):
            patch = frame.around(cx, cy, radius, radius)
            patch.paint(circle(patch.x, patch.y, cx, cy, radius), light(scene.top, 0.25), 0.55)


def body(frame: Frame, face: Face) -> None:
    """Neck and clothes, in the frame of the body."""
    _neck(frame, face)
    _clothes(frame, face)


def _neck(frame: Frame, face: Face) -> None:
    half = face.build.neck
    patch = frame.patch(-half - 0.1, 0.3, half + 0.1, 1.0)
    inside = box(patch.x, patch.y, 0.0, 0.65, half, 0.5, 0.05)
    tone = smooth(patch.x * (face.scene.sun * 2.0 / half) + 0.5, -1.5, 2.0)
    dark, bright = flat(shadow(face.skin)), flat(face.skin)
    patch.paint(inside, dark + (bright - dark) * (tone * 0.75))
    under = ellipse(patch.x, patch.y, -face.scene.sun * 0.06, 0.56, face.shape.width, 0.17)
    patch.paint(both(under, inside), dim(shadow(face.skin), 0.82), 0.75, soft=0.1)


def _shoulders(patch: Patch, wide: float) -> Array:
    """Distance to the outline of the clothes: sloping shoulders, upright arms."""
    slope = lens(patch.x, patch.y, (0.0, 1.15), wide * 1.12, 0.0, -0.42, 0.6)
    return both(slope, np.abs(patch.x) - wide)


def _clothes(frame: Frame, face: Face) -> None:
    own, wide = face.clothes, face.build.shoulders
    patch = frame.patch(-wide - 0.05, 0.55, wide + 0.05, 1.05)
    outline = _shoulders(patch, wide)
    deep = {"vneck": 0.3, "high": 0.015}.get(own.kind, 0.12)
    neckline = lens(patch.x, patch.y, (0.0, 0.7), face.build.neck + 0.03, 0.0, -0.5, deep)
    inside = both(outline, -neckline)
    tone = smooth(patch.x * face.scene.sun - patch.y * 0.6, -1.1, 0.2)
    dark, bright = flat(dim(own.colour, 0.72)), flat(light(own.colour, 0.08))
    patch.paint(inside, dark + (bright - dark) * tone)
    if own.kind == "stripes":
        bands = np.abs((patch.y - 0.8) % 0.14 - 0.07) - 0.03
        patch.paint(both(inside + 0.015, bands), own.trim, 0.9)
    if own.kind in ("tee", "vneck", "stripes"):
        patch.paint(both(outline, np.abs(neckline - 0.012) - 0.016), own.trim, 0.85)
    elif own.kind == "high":
        _roll(patch, face)
    else:
        _collar(patch, face)


def _roll(patch: Patch, face: Face) -> None:
    """The collar of a turtleneck."""
    roll = box(patch.x, patch.y, 0.0, 0.73, face.build.neck + 0.035, 0.06, 0.03)
    patch.paint(roll, light(face.clothes.colour, 0.14))
    patch.paint(np.abs(roll) - 0.006, dim(face.clothes.colour, 0.65), 0.7)


def _collar(patch: Patch, face: Face) -> None:
    """The collar of a shirt, and the line of its buttons."""
    half, own = face.build.neck, face.clothes
    for side in (-1.0, 1.0):
        # A leaf between two straight edges: from the neck's side down to a point beside the button line.
        across = (patch.x * side - half * 0.55) + (patch.y - 0.8) * 0.75
        along = (patch.y - 0.8) - (patch.x * side - half * 0.55) * 0.75
        flap = both(np.abs(across) - 0.055, np.abs(along) - 0.125) * 0.8
        patch.paint(flap - 0.014, dim(own.colour, 0.6), 0.8)
        patch.paint(flap, light(own.trim, 0.2))
    line = both(np.abs(patch.x) - 0.008, 0.9 - patch.y)
    patch.paint(line, dim(own.colour, 0.6), 0.8)


def ears(frame: Frame, face: Face) -> None:
    """Both ears; the one on the far side of a turned head shows less."""
    size, turn = face.shape.ear, face.pose.turn
    for side in (-1.0, 1.0):
        x = side * (face.shape.width + 0.012) - turn * 0.025
        rx = size * (0.62 + 0.2 * side * -turn)
        patch = frame.around(x, 0.04, rx + 0.02, size * 1.45)
        patch.paint(ellipse(patch.x, patch.y, x, 0.04, rx, size * 1.3), mix(shadow(face.skin), face.skin, 0.7))
        inner = ellipse(patch.x, patch.y, x + side * 0.008, 0.045, rx * 0.5, size * 0.75)
        patch.paint(inner, shadow(face.skin), 0.8, soft=0.035)


def outline(patch: Patch, face: Face) -> Array:
    """Distance to the head: an egg whose lower half the build narrows or makes angular."""
    field, _, _ = _egg(patch, face)
    return field


def _egg(patch: Patch, face: Face) -> tuple[Array, Array, Array]:
    """Distance to the head, and the two horizontal components of where on it a point lies, each in [-1, 1]."""
    wide, build = face.shape.width, face.build
    down, up = np.maximum(patch.y, 0.0), np.minimum(patch.y, 0.0)
    t = np.minimum(down * (1.0 / build.chin), 1.0)
    narrow = t * t * (3.0 - 2.0 * t)
    u = (patch.x - (face.pose.turn * 0.045) * t) / (wide * (1.0 - build.taper * narrow))
    v = up * (1.0 / face.shape.height) + down * (1.0 / build.chin)
    u2, v2 = u * u, v * v
    k2 = np.sqrt(u2 + v2)
    k = k2 + (np.sqrt(np.sqrt(u2 * u2 + v2 * v2)) - k2) * (t * build.square)
    steep = np.sqrt(u2 * (1.0 / wide**2) + v2 * (1.0 / build.chin**2)) + 1e-6
    return k * (k - 1.0) / steep, u, v


def head(frame: Frame, face: Face) -> None:
    """The head with its shading, without features."""
    patch = frame.patch(-0.52, -0.62, 0.52, 0.66)
    edge, u, v = _egg(patch, face)
    sun, height = face.scene.sun, face.scene.height
    # Lambert's law on the front half of an ellipsoid, lit from the viewer's side.
    depth = np.sqrt(np.maximum(1.0 - 0.85 * (u * u + v * v), 0.0))
    lit = smooth(u * (sun * 0.8) + v * (height * 0.7) + depth * 0.85, 0.0, 1.0)
    dark, base = flat(shadow(face.skin)), flat(face.skin)
    bright = flat(light(face.skin, 0.22))
    tone = dark + (base - dark) * np.minimum(lit * 1.4, 1.0) + (bright - base) * np.maximum(lit - 0.72, 0.0)
    patch.paint(edge, tone)
    patch.paint(np.abs(edge) - 0.004, dim(shadow(face.skin), 0.75), 0.4)
    _stubble(patch, face, edge)
    if face.shape.freckles:
        _freckles(frame, face)


def _stubble(patch: Patch, face: Face, edge: Array) -> None:
    """A shade over jaw and chin."""
    if not face.build.stubble:
        return
    x = face.pose.turn * 0.05
    clear = ellipse(patch.x, patch.y, x, -0.02, 0.40, 0.31)
    area = both(edge + 0.02, -clear)
    patch.paint(both(area, 0.1 - patch.y), dim(shadow(face.skin), 0.42), face.build.stubble * 1.5, soft=0.12)


def _freckles(frame: Frame, face: Face) -> None:
    """Three on each cheek."""
    x = face.pose.turn * 0.06
    for side in (-1.0, 1.0):
        cx = side * 0.22 + x
        patch = frame.around(cx, 0.13, 0.1, 0.06)
        spots = [(cx - 0.06, 0.12, 0.009), (cx, 0.145, 0.009), (cx + 0.055, 0.115, 0.009)]
        patch.paint(circles(patch.x, patch.y, spots), dim(shadow(face.skin), 0.8), 0.7)


def chin_line(frame: Frame, face: Face) -> None:
    """A short line under the lower lip, which gives the chin its volume."""
    x = face.pose.turn * 0.06
    y = face.build.chin - 0.075
    patch = frame.around(x, y, 0.1, 0.05)
    patch.paint(arc(patch.x, patch.y, (x, y), 0.07, -0.006, 0.008, 0.006), shadow(face.skin), 0.5)
