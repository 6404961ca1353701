"""Where in a picture the square lies that an exported model knows: the search of `attredit edit`, on NumPy and Pillow.

Used by attredit_onnx.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

Array = np.ndarray


class Frame(NamedTuple):
    """A square of a picture, in its pixels: the middle, the side, and by how many radians it is turned clockwise."""

    x: float
    y: float
    side: float
    angle: float

    @property
    def pixels(self) -> int:
        """Of a side."""
        return max(1, round(self.side))

    def places(self, count: int) -> tuple[Array, Array]:
        """Where count x count middles of its parts lie in the picture: x, y."""
        u = (np.arange(count) + 0.5) * 2 / count - 1
        across, down = self.side / 2 * np.cos(self.angle), self.side / 2 * np.sin(self.angle)
        v = u[:, None]
        return self.x + across * u - down * v, self.y + down * u + across * v

    def seen(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The inverse: places of the picture within the frame, which reaches from -1 to 1."""
        across, down = 2 / self.side * np.cos(self.angle), 2 / self.side * np.sin(self.angle)
        x, y = x - self.x, y - self.y
        return across * x + down * y, across * y - down * x


def find(picture: Image.Image, network: Callable[..., list[Any]], usual: Frame | None) -> Frame:
    """The usual frame where the picture shows something there; else where it does so most surely.

    Args:
        picture: In the model's mode.
        network: Says of a picture and frames in it where each alone leads, how much of it is inside, where it leads
            together with its mirror image, and how sure that is.
        usual: Where the frame lies in pictures as those of training; None where that differs.
    """
    levels, there, led = _levels(picture), 0.0, np.zeros((0, 4))
    if usual is not None:
        led, [there] = _led(levels, network, np.array([usual]))
        far = [*(led[0, :2] - usual[:2]) * 2 / usual.side, np.log(led[0, 2] / usual.side), np.degrees(led[0, 3])]
        there = there if (np.abs(far) <= (0.12, 0.12, 0.25, 12)).all() else 0.0
        if there >= 0.5:
            return usual
    frames, sureness = _led(levels, network, np.concatenate([led, _promising(levels, network)]))
    odds = [p / max(1 - p, 1e-9) for p in (0.5, sureness[0], there)]
    if usual is not None and 10 * odds[2] >= max(odds[:2]):
        return usual
    if sureness[0] < 0.5:
        raise SystemExit("Nothing in the picture looks like the training images. Give a box.")
    return Frame(*map(float, frames[0]))


def _levels(picture: Image.Image) -> list[tuple[Array, float]]:
    """The picture, smaller and smaller, each with its pixels of one of the picture's."""
    side, levels = max(0.14 * min(picture.size), 12), list[tuple[Array, float]]()
    pixels = floats(picture.reduce(max(1, int(side / 64))))
    while not levels or side < min(picture.size) * 1.6**0.5:
        pixels = resized(pixels, *(max(1, round(length * 32 / side)) for length in picture.size))
        levels.append((pixels, 32 / side))
        side *= 1.6
    return levels


def _asked(level: tuple[Array, float], network: Callable[..., list[Any]], frames: Array) -> list[Any]:
    """What the network says of frames (N, 4) in a level; all in pixels of the picture."""
    units = np.array([level[1]] * 3 + [1])
    alone, inside, together, sureness = network(level[0].transpose(2, 0, 1)[None], frames * units)
    return [alone / units, inside, together / units, sureness]


def _promising(levels: list[tuple[Array, float]], network: Callable[..., list[Any]]) -> Array:
    """Of what squares all over the picture lead to, what shows most of a subject."""
    frames, scores = [], []
    for level in levels:
        y, x = np.mgrid[4 : len(level[0]) - 3 : 11, 4 : level[0].shape[1] - 3 : 11].reshape(2, -1)
        squares = np.stack([x, y, 0 * x + 32, 0 * x], 1) / np.array([level[1]] * 3 + [1])
        alone, inside, *_ = _asked(level, network, squares)
        frames.append(alone)
        scores.append(inside)
    found = np.concatenate(frames)
    return found[_apart(found, np.concatenate(scores))]


def _led(levels: list[tuple[Array, float]], network: Callable[..., list[Any]], frames: Array) -> tuple[Array, Array]:
    """Where frames (N, 4) lead to in five moves, the surest first, and how sure."""
    for step in range(6):
        fine = [[level for level in levels if level[1] * frame[2] >= 32][-1:] or levels[:1] for frame in frames]
        said = [_asked(level, network, frame[None]) for frame, [level] in zip(frames, fine, strict=True)]
        frames = np.concatenate([one[2] for one in said]) if step < 5 else frames
    sureness = np.concatenate([one[3] for one in said])
    best = _apart(frames, sureness)
    return frames[best], sureness[best]


def _apart(frames: Array, scores: Array) -> list[int]:
    """The first twelve, best first, whose middles are not within half a side of a better one's."""
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        near = [np.hypot(*(frames[i] - frames[k])[:2]) < 0.5 * max(frames[i, 2], frames[k, 2]) for k in kept]
        if len(kept) < 12 and not any(near):
            kept.append(int(i))
    return kept


def floats(picture: Image.Image) -> Array:
    """(H, W, C) in [0, 1]."""
    return np.asarray(picture, np.float32).reshape(picture.height, picture.width, -1) / np.float32(255)


def resized(pixels: Array, width: int, height: int) -> Array:
    """(H, W, C) to that size, antialiased."""
    planes = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in pixels.transpose(2, 0, 1)]
    return np.stack([np.asarray(p.resize((width, height), Image.Resampling.BILINEAR)) for p in planes], 2)


def looked_up(pixels: Array, x: Array, y: Array, cubic: float = 0.0) -> Array:
    """(H, W, C) at places, beyond the edge the edge's: linear, or cubic with that slope (Keys 1981)."""
    x, y = x - 0.5, y - 0.5
    left, top, total = np.floor(x).astype(int), np.floor(y).astype(int), 0.0
    for j in range(-1, 3) if cubic else range(2):
        for i in range(-1, 3) if cubic else range(2):
            weight = _weight(x - left - i, cubic) * _weight(y - top - j, cubic)
            near = pixels[(top + j).clip(0, len(pixels) - 1), (left + i).clip(0, pixels.shape[1] - 1)]
            total = total + weight.astype(np.float32)[..., None] * near
    return np.asarray(total)


def _weight(t: Array, a: float) -> Array:
    t = abs(t)
    cubic = np.where(t < 1, ((a + 2) * t - (a + 3)) * t * t + 1, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a)
    return cubic if a else 1 - t
