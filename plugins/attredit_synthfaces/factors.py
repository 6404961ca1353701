"""Everything that a face is made of: what its attributes decide, and the nuisance factors that they do not."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attredit_synthfaces import mouths, styles
from attredit_synthfaces.streams import Colour, Draws, uniforms
from attredit_synthfaces.traits import TRAITS


@dataclass(frozen=True)
class Scene:
    """Background and light: `sun` and `height` say where the light comes from (x to the right, y down)."""

    kind: str
    top: Colour
    bottom: Colour
    spot: tuple[float, float, float]
    sun: float
    height: float
    warmth: float
    exposure: float


def scene(d: Draws) -> Scene:
    """A gradient, a glow or a few pale discs, in muted colours."""
    kind = d.pick(("plain", "glow", "discs", "diagonal"))
    hue, turn = d.between(0, 1), d.between(-0.12, 0.12)
    value, drop, rich = d.between(0.62, 0.95), d.between(0.06, 0.24), d.between(0.12, 0.42)
    return Scene(
        kind,
        colorsys.hsv_to_rgb(hue, rich, value),
        colorsys.hsv_to_rgb((hue + turn) % 1, rich, value - drop),
        (d.between(-0.9, 0.9), d.between(-0.9, 0.3), d.between(0.2, 0.45)),
        d.between(-0.75, 0.75),
        d.between(-0.75, -0.2),
        d.between(-0.025, 0.025),
        d.between(0.93, 1.04),
    )


@dataclass(frozen=True)
class Pose:
    """Where the head is: shift, half tilt (a tangent), turn to a side (about -1 to 1), size."""

    dx: float
    dy: float
    tilt: float
    turn: float
    scale: float


def pose(d: Draws) -> Pose:
    """Small shifts, up to 8 degrees of tilt, a turn that moves the features by some pixels."""
    return Pose(
        d.between(-0.08, 0.08),
        d.between(0.03, 0.1),
        d.between(-0.07, 0.07),
        d.between(-1.0, 1.0),
        d.between(0.98, 1.1),
    )


@dataclass(frozen=True)
class Shape:
    """The head's half width and height, ears, nose and brows."""

    width: float
    height: float
    ear: float
    nose: str
    nose_size: float
    brow_height: float
    brow_slant: float
    freckles: bool


def shape(d: Draws) -> Shape:
    """Narrow to wide, with one of four noses."""
    return Shape(
        d.between(0.405, 0.46),
        d.between(0.54, 0.58),
        d.between(0.075, 0.1),
        d.pick(("button", "long", "wide", "pointed")),
        d.between(0.85, 1.2),
        d.between(-0.215, -0.19),
        d.between(-0.02, 0.02),
        d.chance(0.15),
    )


@dataclass(frozen=True)
class Eyes:
    """Eyes: `gap` is half the distance between them, `gaze` moves the irises."""

    colour: Colour
    gap: float
    width: float
    open: float
    iris: float
    gaze: tuple[float, float]
    slant: float


_IRISES: tuple[Colour, ...] = (
    (0.30, 0.17, 0.09),
    (0.42, 0.26, 0.12),
    (0.25, 0.45, 0.68),
    (0.30, 0.50, 0.32),
    (0.45, 0.50, 0.54),
    (0.52, 0.38, 0.16),
)


def eyes(d: Draws) -> Eyes:
    """Brown, blue, green, grey or amber; narrow to wide open."""
    return Eyes(
        d.near(_IRISES, 0.05),
        d.between(0.185, 0.21),
        d.between(0.095, 0.115),
        d.between(0.8, 1.12),
        d.between(0.054, 0.066),
        (d.between(-0.02, 0.02), d.between(-0.008, 0.012)),
        d.between(-0.012, 0.012),
    )


@dataclass(frozen=True)
class Clothes:
    """What is seen of the clothes."""

    kind: str
    colour: Colour
    trim: Colour


def clothes(d: Draws) -> Clothes:
    """A tee, a v-neck, a shirt with a collar, stripes or a high collar."""
    kind = d.pick(("tee", "vneck", "shirt", "stripes", "high"))
    hue, other = d.between(0, 1), d.between(0, 1)
    colour = colorsys.hsv_to_rgb(hue, d.between(0.15, 0.7), d.between(0.3, 0.92))
    return Clothes(kind, colour, colorsys.hsv_to_rgb(other, d.between(0.05, 0.4), d.between(0.75, 0.97)))


@dataclass(frozen=True)
class Cut:
    """What of the hair no attribute decides: hairline, parting, volume, where it shines."""

    line: str
    part: float
    volume: float
    gloss: float
    high: float


def cut(d: Draws) -> Cut:
    """A round, parted or receding hairline."""
    return Cut(
        d.pick(("round", "middle", "side", "high")),
        d.pick((-1.0, 1.0)) * d.between(0.12, 0.2),
        d.between(0.055, 0.095),
        d.between(0.5, 1.0),
        d.between(-0.03, 0.02),
    )


def blush(d: Draws) -> styles.Blush | None:
    """Rosy cheeks on three faces in ten."""
    return styles.blush(d) if d.chance(0.3) else None


def lipstick(d: Draws) -> Colour | None:
    """Lipstick on three faces in ten."""
    return styles.lipstick(d) if d.chance(0.3) else None


NUISANCES: dict[str, Callable[[Draws], Any]] = {
    "scene": scene,
    "pose": pose,
    "shape": shape,
    "eyes": eyes,
    "clothes": clothes,
    "cut": cut,
    "rest": mouths.rest,
    "blush": blush,
    "lipstick": lipstick,
}
"""Factors that no attribute decides, each with a stream of its own."""


@dataclass(frozen=True)
class Face:
    """All that is needed to draw a face. None means that the face does not have it."""

    scene: Scene
    pose: Pose
    shape: Shape
    eyes: Eyes
    clothes: Clothes
    cut: Cut
    rest: mouths.Mouth
    blush: styles.Blush | None
    lipstick: Colour | None
    build: styles.Build
    smile: mouths.Smile | None
    hair: Colour
    skin: Colour
    glasses: styles.Glasses | None
    hat: styles.Hat | None
    moustache: styles.Moustache | None
    fringe: styles.Fringe | None

    @property
    def mouth(self) -> mouths.Mouth:
        """The mouth as it is drawn."""
        return self.rest if self.smile is None else self.smile.on(self.rest)


_STYLED = 1000
"""Number of the first stream for styles; below it those of labels, absences and nuisances (see `stream_ids`)."""


def stream_ids(labels: NDArray[np.int64], style: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which streams make faces: (N, attributes + nuisances).

    Args:
        labels: (N, attributes) of 0 and 1.
        style: (N, attributes), which style to take where the label is 1; 0 is the face's own.
    """
    count = labels.shape[1]
    number = np.arange(count)
    having = _STYLED + number + count * style
    traits = np.where(labels == 1, having, 200 + number)
    nuisances = np.broadcast_to(300 + np.arange(len(NUISANCES)), (len(labels), len(NUISANCES)))
    return np.concatenate([traits, nuisances], axis=1)


def faces(
    seed: int, split: int, indices: NDArray[np.int64], labels: NDArray[np.int64], style: NDArray[np.int64]
) -> list[Face]:
    """Faces of a split, with the given labels and styles (N, attributes).

    `indices` (N,) are their numbers, or (N, attributes + nuisances) those of the faces that each factor is taken from.
    """
    numbers = uniforms(seed, split, indices.reshape(len(indices), -1), stream_ids(labels, style)).tolist()
    return [_face(own, streams) for own, streams in zip(labels.tolist(), numbers, strict=True)]


def _face(labels: list[int], streams: list[list[float]]) -> Face:
    """One face from its labels and one stream per trait, then per nuisance."""
    factors: dict[str, Any] = {}
    for trait, label, stream in zip(TRAITS.values(), labels, streams, strict=False):
        factors[trait.factor] = (trait.on if label else trait.off)(Draws(stream))
    for (name, sampler), stream in zip(NUISANCES.items(), streams[len(TRAITS) :], strict=True):
        factors[name] = sampler(Draws(stream))
    return Face(**factors)
