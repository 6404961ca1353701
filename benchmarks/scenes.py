"""Whether a run finds its frame where the subject is small, turned, and anywhere; and none where there is none.

    python benchmarks/scenes.py RUN --subjects FOLDER --others FOLDER --sheet sheet.png

Scenes are made of the pictures of whoever runs this, at .15 to .8 of the height and turned by up to 30 degrees, on
other pictures blurred beyond recognition, pictures of other things side by side, noise, and gradients. Where the true
frame is, the run itself says of each subject's picture as it is (--framed: all of its middle square is the frame).

right    corners within .1 of the side of where they are
near     within .2
found    sure of something
nothing  share of pictures without a subject in which nothing is found
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console

import attredit
from attredit.cli.console import progress
from attredit.cli.tables import table
from attredit.data import Frame
from attredit.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")
RED, GREEN = "red", "lime"
Scene = tuple[Image.Image, Frame | None, Frame | None]


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def background(rng: np.random.Generator, subjects: Sequence[Path], others: Sequence[Path]) -> Image.Image:
    height = int(rng.integers(300, 600))
    size = (int(height * rng.uniform(1.0, 1.5)), height)
    match rng.integers(4):
        case 0:
            return opened(subjects[rng.integers(len(subjects))]).resize((5, 5)).resize(size, Image.Resampling.BICUBIC)
        case 1:
            return tiled(rng, size, others)
        case 2:
            return noise(rng, size)
        case _:
            corners = Image.fromarray(rng.integers(0, 256, (2, 2, 3), np.uint8))
            return corners.resize(size, Image.Resampling.BILINEAR)


def tiled(rng: np.random.Generator, size: tuple[int, int], others: Sequence[Path]) -> Image.Image:
    image, side = Image.new("RGB", size, "white"), size[1] // int(rng.integers(1, 4))
    for top in range(0, size[1], side):
        for left in range(0, size[0], side):
            image.paste(opened(others[rng.integers(len(others))]).resize((side, side)), (left, top))
    return image


def noise(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    total = np.zeros((size[1], size[0], 3), np.float32)
    for cells in (3, 10, 40, 160):
        grid = (rng.normal(size=(3, cells, cells)) * rng.uniform(0, 50)).astype(np.float32)
        layers = [np.asarray(Image.fromarray(layer).resize(size, Image.Resampling.BICUBIC)) for layer in grid]
        total += np.stack(layers, axis=2)
    return Image.fromarray((total + rng.uniform(40, 215, 3)).clip(0, 255).astype(np.uint8))


def pasted(rng: np.random.Generator, on: Image.Image, subject: Image.Image) -> tuple[Image.Image, Frame]:
    """A scene, and where the middle square of the subject's picture lies in it."""
    share, angle, shorter = rng.uniform(0.15, 0.8), rng.uniform(-30, 30), min(subject.size)
    scale = share * on.height / subject.height
    reach = 0.5 * scale * math.hypot(*subject.size)
    x, y = (rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in on.size)
    if scale < 1:
        subject = subject.resize([max(1, round(scale * n)) for n in subject.size], Image.Resampling.LANCZOS)
    square = Frame(x, y, scale * shorter, angle)
    (left, top), (right, down), (under, lower) = (square.seen(*at) for at in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    half, (width, height) = min(subject.size) / 2, subject.size
    across = [half * (right - left), half * (under - left), half * left + width / 2]
    along = [half * (down - top), half * (lower - top), half * top + height / 2]
    layers = [
        layer.transform(on.size, Image.Transform.AFFINE, [*across, *along], Image.Resampling.BILINEAR)
        for layer in (subject, Image.new("L", subject.size, 255))
    ]
    return Image.composite(layers[0], on, layers[1]), square


def true_frame(editor: attredit.Editor, subject: Image.Image, square: Frame, framed: bool) -> Frame | None:
    """Where the frame lies in a scene whose subject's middle square lies there; None where it is not known."""
    if framed:
        return square
    try:
        own = editor.boxes(subject)[0].frame
    except DataError:
        return None
    middle = Frame(subject.width / 2, subject.height / 2, min(subject.size))
    x, y = square.place(*middle.seen(own.x, own.y))
    return Frame(x, y, own.side * square.side / middle.side, own.angle + square.angle)


def found_in(editor: attredit.Editor, scene: Image.Image) -> Frame | None:
    try:
        return editor.subjects(scene)[0].frame
    except DataError:
        return None


def apart(found: Frame, true: Frame) -> float:
    return max(map(math.dist, found.corners, true.corners)) / true.side


def drawn(scenes: Sequence[Scene], path: Path, cell: int = 160, columns: int = 10) -> None:
    sheet = Image.new("RGB", (columns * cell, -(-len(scenes) // columns) * cell))
    for i, (scene, true, found) in enumerate(scenes):
        shown = scene.copy()
        for frame, colour in ((true, GREEN), (found, RED)):
            if frame is not None:
                ImageDraw.Draw(shown).polygon(list(frame.corners), outline=colour, width=max(1, scene.width // 150))
        shown.thumbnail((cell, cell))
        sheet.paste(shown, (i % columns * cell, i // columns * cell))
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--subjects", type=Path, required=True, help="folder of pictures of what the run knows")
    parser.add_argument("--others", type=Path, required=True, help="folder of pictures of something else")
    parser.add_argument("--framed", action="store_true", help="the subjects' middle squares are framed as in training")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--from", dest="first", type=float, default=0.0, help="leave out this share of the subjects")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write the scenes with true (green) and found (red) frames")
    asked = parser.parse_args()
    editor, rng = attredit.load(asked.run, "cpu"), np.random.default_rng(asked.seed)
    subjects, others = (
        sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        for folder in (asked.subjects, asked.others)
    )
    subjects = subjects[int(asked.first * len(subjects)) :]
    scenes: list[Scene] = []
    empty: list[Scene] = []
    with progress() as report:
        for i in range(asked.scenes):
            subject = opened(subjects[rng.integers(len(subjects))])
            scene, square = pasted(rng, background(rng, subjects, others), subject)
            scenes.append((scene, true_frame(editor, subject, square, asked.framed), found_in(editor, scene)))
            nothing = background(rng, subjects, others)
            empty.append((nothing, None, found_in(editor, nothing)))
            report("Searching", i + 1, asked.scenes)
    far = np.array([np.inf if f is None else apart(f, t) for _, t, f in scenes if t is not None])
    shares = {"right": far < 0.1, "near": far < 0.2, "found": far < np.inf}
    shares["nothing"] = np.array([found is None for _, _, found in empty])
    said = table("scenes", *shares, numbers=("scenes", *shares))
    said.add_row(str(len(far)), *(f"{share.mean():.3f}" for share in shares.values()))
    Console().print(said)
    if asked.sheet is not None:
        drawn([*scenes, *empty], asked.sheet)


if __name__ == "__main__":
    main()
