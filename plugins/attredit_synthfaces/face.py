"""Draws a face, back to front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attredit_synthfaces import features, hair, head, wear
from attredit_synthfaces.factors import Face, Scene
from attredit_synthfaces.shapes import Array, Frame

VERSION = 3
"""Number of the drawing: must grow with every change that could alter a pixel or a label of any face."""


def draw(face: Face, size: int) -> NDArray[np.uint8]:
    """The face as an image (size, size, 3)."""
    canvas: Array = np.empty((3, size, size), np.float32)
    pose = face.pose
    body = Frame(canvas, pose.dx * 0.7, pose.dy * 0.5)
    whole = Frame(canvas, pose.dx, pose.dy, pose.scale, pose.tilt)
    head.background(canvas, face.scene)
    hair.back(whole, face)
    head.body(body, face)
    hair.locks(whole, face)
    head.ears(whole, face)
    head.head(whole, face)
    features.cheeks(whole, face)
    head.chin_line(whole, face)
    features.eyes(whole, face)
    features.nose(whole, face)
    features.mouth(whole, face)
    features.moustache(whole, face)
    hair.front(whole, face)
    features.brows(whole, face)
    wear.hat(whole, face)
    wear.glasses(whole, face)
    _light(canvas, face.scene)
    return _bytes(canvas)


def _light(canvas: Array, scene: Scene) -> None:
    """Brightness and warmth of the light, over everything alike."""
    for channel, share in enumerate((1.0 + scene.warmth, 1.0, 1.0 - scene.warmth)):
        canvas[channel] *= scene.exposure * share


def _bytes(canvas: Array) -> NDArray[np.uint8]:
    np.minimum(np.maximum(canvas, 0.0, out=canvas), 1.0, out=canvas)
    canvas *= 255.0
    canvas += 0.5
    return np.ascontiguousarray(canvas.astype(np.uint8).transpose(1, 2, 0))
