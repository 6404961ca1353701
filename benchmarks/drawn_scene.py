"""A drawn scene with two drawn people in it, and what `attredit edit --all` makes of it: the pictures of docs/data.md.

    python benchmarks/drawn_scene.py

The people are small, turned and off the middle; the run finds them, edits them, and leaves the rest as it is, which is
checked: it is an error if a person is not found, or if a pixel outside of the frames is another.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

import attredit
from attredit.data import Frame
from attredit_synthfaces.face import draw
from attredit_synthfaces.factors import Face, faces
from attredit_synthfaces.traits import TRAITS

WIDTH, HEIGHT = 720, 480
# Place of the middle, side and angle (clockwise) of a person's square, and which face of the drawn ones it is.
PEOPLE = [((205, 200), 168, -17, 25), ((520, 220), 126, 14, 13)]
FINE = 3


def someone(number: int) -> Face:
    """A face without any of the drawn attributes."""
    none = np.zeros((1, len(TRAITS)), np.int64)
    return faces(1, 3, np.array([number]), none, none)[0]


def cut_out(face: Face, size: int) -> Image.Image:
    """The person without the background: what differs when that is black and white is background."""
    shown = []
    for value in (0.0, 1.0):
        colour = (value, value, value)
        plain = dataclasses.replace(face.scene, kind="plain", top=colour, bottom=colour, warmth=0.0, exposure=1.0)
        shown.append(draw(dataclasses.replace(face, scene=plain), size).astype(np.float32) / 255)
    black, white = shown
    alpha = (1.0 - (white - black).max(2, keepdims=True)).clip(0.0, 1.0)
    colours = (black / np.maximum(alpha, 1e-3)).clip(0.0, 1.0)
    return Image.fromarray((np.concatenate([colours, alpha], 2) * 255 + 0.5).astype(np.uint8), "RGBA")


def drawn() -> Image.Image:
    """Sky, hills, two people, and a fence before them."""
    size = (WIDTH * FINE, HEIGHT * FINE)
    sky = Image.new("RGB", (1, 3))
    for y, colour in enumerate([(96, 158, 208), (190, 220, 232), (246, 232, 205)]):
        sky.putpixel((0, y), colour)
    picture = sky.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    pen.ellipse([FINE * n for n in (600, 40, 660, 100)], fill=(255, 244, 200))
    for left, top, right, down, colour in (
        (-200, 230, 420, 700, (120, 160, 128)),
        (260, 260, 1000, 760, (98, 142, 110)),
        (60, 330, 700, 800, (84, 128, 88)),
    ):
        pen.ellipse([FINE * n for n in (left, top, right, down)], fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(2 * FINE))
    for (x, y), side, angle, number in PEOPLE:
        person = cut_out(someone(number), side * FINE).rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        picture.paste(person, (x * FINE - person.width // 2, y * FINE - person.height // 2), person)
    _fence(ImageDraw.Draw(picture))
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _fence(pen: ImageDraw.ImageDraw) -> None:
    rng = np.random.default_rng(0)
    for left in range(-10, WIDTH, 48):
        top, shade = int(rng.integers(268, 280)), int(rng.integers(-12, 12))
        wood = (150 + shade, 112 + shade, 78 + shade)
        outline = [(left, HEIGHT), (left, top + 14), (left + 22, top), (left + 45, top + 14), (left + 45, HEIGHT)]
        pen.polygon([(FINE * x, FINE * y) for x, y in outline], fill=wood, outline=(108, 78, 52), width=FINE)
    for top in (320, 420):
        box = [FINE * n for n in (-5, top, WIDTH + 5, top + 26)]
        pen.rectangle(box, fill=(138, 100, 68), outline=(108, 78, 52), width=FINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="drawn-faces", help="a run trained on synthfaces")
    parser.add_argument("--attribute", default="Blond_Hair", help="what both get")
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="where the pictures go")
    asked = parser.parse_args()
    scene, editor = drawn(), attredit.load(asked.run, "cpu")
    found = [one.frame for one in editor.subjects(scene)]
    if len(found) != len(PEOPLE):
        raise SystemExit(f"{len(found)} people found of {len(PEOPLE)}.")
    edited = scene
    for frame in found:
        edited = editor.edit(edited, box=frame, **{asked.attribute: 1})
    changed = (np.asarray(edited) != np.asarray(scene)).any(2)
    if (changed & outside(found)).any():
        raise SystemExit("Pixels outside of the frames have changed.")
    print(f"{len(found)} people found; {changed.mean():.1%} of the pixels changed, none outside of the frames.")
    scene.save(asked.folder / "scene.png", optimize=True)
    beside(scene, edited, found).save(asked.folder / "scene-edited.png", optimize=True)


def outside(frames: Sequence[Frame]) -> NDArray[np.bool_]:
    """(H, W) where no frame is."""
    x, y = np.arange(WIDTH) + 0.5, (np.arange(HEIGHT) + 0.5)[:, None]
    seen = [np.abs(np.stack(np.broadcast_arrays(*frame.seen(x, y)))).max(0) for frame in frames]
    result: NDArray[np.bool_] = np.min(seen, axis=0) > 1.01
    return result


def beside(scene: Image.Image, edited: Image.Image, frames: Sequence[Frame]) -> Image.Image:
    """The scene with its frames, and what became of it."""
    both = Image.new("RGB", (2 * WIDTH + 8, HEIGHT), "white")
    both.paste(scene, (0, 0))
    for frame in frames:
        ImageDraw.Draw(both).polygon(list(frame.corners), outline="white", width=2)
    both.paste(edited, (WIDTH + 8, 0))
    return both


if __name__ == "__main__":
    main()
