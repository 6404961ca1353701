"""CelebA in miniature, in the layouts in which people have it, and ways to damage it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attredit_celeba.official import (
    ATTRIBUTES,
    BOXES,
    HQ_ATTRIBUTES,
    HQ_IMAGES,
    HQ_ORIGINALS,
    IMAGES,
    PARTITION,
    WILD_IMAGES,
)
from attredit_celeba.source import NAMES

N = 6
LABELS = np.random.default_rng(0).integers(0, 2, (N, 40))
FILES = [f"{i + 1:06d}.jpg" for i in range(N)]
PARTS = [0, 0, 0, 1, 2, 2]
SPLITS = ("train", "valid", "test")


def picture(i: int) -> Image.Image:
    """178x218, another grey for each, with white bars (aligned to JPEG's blocks) that the centre crop removes."""
    pixels = np.full((218, 178, 3), 40 * i + 10, np.uint8)
    pixels[:16] = pixels[208:] = 255
    return Image.fromarray(pixels)


def official(folder: Path, *, newline: str = "\n", bom: str = "", zero: str = "-1") -> Path:
    images = folder / IMAGES
    images.mkdir(parents=True)
    for i, name in enumerate(FILES):
        picture(i).save(images / name, quality=95)
    rows = [" ".join([name, *("1" if v else zero for v in row)]) + " " for name, row in zip(FILES, LABELS, strict=True)]
    text = newline.join([str(N), " ".join(NAMES) + " ", *rows, ""])
    (folder / ATTRIBUTES).write_text(bom + text, newline="")
    lines = [f"{name} {part}" for name, part in zip(FILES, PARTS, strict=True)]
    (folder / PARTITION).write_text(newline.join([*lines, ""]), newline="")
    return folder


# The first is that of CelebA's own first image, which is larger than the others here.
WHERE = [(95, 71, 226, 313), *((40 + 5 * i, 30 + 3 * i, 50, 70) for i in range(1, N))]


def wild_picture(i: int) -> Image.Image:
    """White but for its box, which is another grey for each."""
    pixels = np.full((150, 200, 3) if i else (687, 409, 3), 255, np.uint8)
    left, top, width, height = WHERE[i]
    pixels[top : top + height, left : left + width] = 40 * i + 10
    return Image.fromarray(pixels)


def wild(folder: Path) -> Path:
    """Images in the wild in place of the aligned ones, and their boxes."""
    official(folder)
    shutil.rmtree(folder / IMAGES)
    (folder / WILD_IMAGES).mkdir()
    for i, name in enumerate(FILES):
        wild_picture(i).save(folder / WILD_IMAGES / name, quality=95)
    rows = [f"{name} " + " ".join(f"{n:>3}" for n in box) for name, box in zip(FILES, WHERE, strict=True)]
    (folder / BOXES).write_text("\n".join([str(N), "image_id x_1 y_1 width height", *rows, ""]))
    return folder


def download(folder: Path) -> Path:
    """The same in the download's own folders."""
    wild(folder)
    for name, place in ((ATTRIBUTES, "Anno"), (BOXES, "Anno"), (PARTITION, "Eval"), (WILD_IMAGES, "Img")):
        (folder / place).mkdir(exist_ok=True)
        (folder / name).rename(folder / place / name)
    return folder


def kaggle(folder: Path, *, sep: str = ",", quote: str = "", newline: str = "\n") -> Path:
    """Tables instead of text files, and images in a folder within a folder of the same name."""
    official(folder)
    moved(folder, ".", ".", IMAGES)

    def table(name: str, rows: list[list[str]]) -> None:
        lines = [sep.join(f"{quote}{field}{quote}" for field in row) for row in rows]
        (folder / name).with_suffix(".csv").write_text(newline.join([*lines, ""]), newline="")
        (folder / name).unlink()

    labels = [[name, *(str(2 * v - 1) for v in row)] for name, row in zip(FILES, LABELS, strict=True)]
    table(ATTRIBUTES, [["image_id", *NAMES], *labels])
    table(PARTITION, [["image_id", "partition"], *([n, str(p)] for n, p in zip(FILES, PARTS, strict=True))])
    return folder


def high_quality(folder: Path, *, splits: bool = True) -> Path:
    """CelebAMask-HQ: numbered images, two spaces after their names, masks, and splits only by way of CelebA."""
    official(folder)
    (folder / ATTRIBUTES).write_text((folder / ATTRIBUTES).read_text().replace(".jpg ", ".jpg  "))
    for i, name in enumerate(FILES):
        (folder / IMAGES / name).rename(folder / IMAGES / f"{i}.jpg")
        damage(folder / ATTRIBUTES, lambda lines, i=i, name=name: [x.replace(name, f"{i}.jpg") for x in lines])
    (folder / ATTRIBUTES).rename(folder / HQ_ATTRIBUTES)
    (folder / IMAGES).rename(folder / HQ_IMAGES)
    (folder / "CelebAMask-HQ-mask-anno" / "0").mkdir(parents=True)
    Image.new("L", (8, 8)).save(folder / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png")
    rows = [f"{i:<10}{int(name[:6]) - 1:<12}{name}" for i, name in enumerate(FILES)]
    (folder / HQ_ORIGINALS).write_text("\n".join(["idx       orig_idx    orig_file", *rows, ""]))
    if splits:
        with (folder / PARTITION).open("a") as file:
            file.write("000077.jpg 0\n")  # CelebA has more images
    else:
        (folder / PARTITION).unlink()
    return folder


def moved(folder: Path, *places: str) -> Path:
    """The official files in other folders, in the order of labels, splits, images."""
    for place, name in zip(places, (ATTRIBUTES, PARTITION, IMAGES), strict=True):
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.move(folder / name, folder / "moving")
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "moving", folder / place / name)
    return folder


def parquet(
    folder: Path,
    convert: Callable[[np.ndarray], list[Any]] = lambda v: [bool(x) for x in v],
    file: str = "data/{}-00000-of-00001.parquet",
    valid: str = "valid",
    image: str = "image",
    names: Callable[[str], str] = str,
) -> Path:
    from datasets import Dataset

    for part, split in enumerate(("train", valid, "test")):
        rows = [i for i in range(N) if PARTS[i] == part]
        columns: dict[str, list[Any]] = {image: [picture(i) for i in rows]}
        columns |= {names(name): convert(LABELS[rows, j]) for j, name in enumerate(NAMES)}
        columns |= {"prompt facial features": ["text"] * len(rows), "celeb_id": rows}
        path = folder / file.format(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_dict(columns).to_parquet(path)
    return folder


def all_for_training(folder: Path) -> Path:
    """Whole numbers in two files that both begin with train."""
    from datasets import Dataset

    columns = {"image": [picture(i) for i in range(N)]}
    columns |= {name: (2 * LABELS[:, j] - 1).tolist() for j, name in enumerate(NAMES)}
    (folder / "data").mkdir(parents=True)
    for part in range(2):
        rows = range(part, N, 2)
        some = {name: [values[i] for i in rows] for name, values in columns.items()}
        Dataset.from_dict(some).to_parquet(folder / "data" / f"train-{part:05d}-of-00002.parquet")
    return folder


def damage(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(line + "\n" for line in change(path.read_text().splitlines())))


def flipped(line: str) -> str:
    """Its first label negated."""
    name, value, *rest = line.split()
    return " ".join([name, {"1": "-1", "-1": "1"}[value], *rest])


def with_label(line: str, label: str) -> str:
    name, _, *rest = line.split()
    return " ".join([name, label, *rest])
