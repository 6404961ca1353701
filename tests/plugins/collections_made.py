"""The same twelve images with labels in every layout in which people have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

N = 12
FILES = [f"im{i:02d}.png" for i in range(N)]
SMILING = [i % 2 for i in range(N)]
HAIR = [("blond", "black", "red")[i // 2 % 3] for i in range(N)]
PARTS = ("train",) * 8 + ("validation",) * 2 + ("test",) * 2


def picture(i: int) -> Image.Image:
    """Its grey says which it is."""
    return Image.fromarray(np.full((20, 24, 3), 20 * i, np.uint8))


def number_of(pixels: Any) -> int:
    return round(float(np.asarray(pixels).mean()) / 20)


def save(folder: Path, names: list[str] = FILES) -> Path:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture(i).save(folder / name)
    return folder


def text(names: list[str] = FILES, key: str = "file_name", sep: str = ",") -> str:
    rows = [sep.join([name, str(SMILING[i]), HAIR[i]]) for i, name in enumerate(names)]
    return "\n".join([sep.join([key, "Smiling", "Hair"]), *rows, ""])


def metadata_csv(folder: Path) -> Path:
    (save(folder) / "metadata.csv").write_text(text())
    return folder


def metadata_jsonl(folder: Path) -> Path:
    """In split folders, each with its own."""
    save(folder, [f"{part}/{name}" for part, name in zip(PARTS, FILES, strict=True)])
    for part in sorted(set(PARTS)):
        lines = [
            json.dumps({"file_name": FILES[i], "Smiling": bool(SMILING[i]), "Hair": HAIR[i]}) + "\n"
            for i in range(N)
            if PARTS[i] == part
        ]
        (folder / part / "metadata.jsonl").write_text("".join(lines))
    return folder


def bare_csv(folder: Path) -> Path:
    """A table beside a folder of images."""
    save(folder / "images")
    (folder / "labels.csv").write_text(text(key="image_id"))
    return folder


def bare_tsv(folder: Path) -> Path:
    """In the folder of images, which it names without their ending."""
    (save(folder) / "labels.tsv").write_text(text([name[:-4] for name in FILES], "id", "\t"))
    return folder


def bare_parquet(folder: Path) -> Path:
    import pandas as pd

    save(folder / "deep" / "er")
    names = [f"deep/er/{name}" for name in FILES]
    pd.DataFrame({"Smiling": SMILING, "path": names, "Hair": HAIR}).to_parquet(folder / "labels.parquet")
    return folder


def classes(folder: Path) -> Path:
    return save(folder, [f"{HAIR[i]}/{name}" for i, name in enumerate(FILES)])


def classes_below_splits(folder: Path) -> Path:
    return save(folder, [f"{PARTS[i]}/{HAIR[i]}/{name}" for i, name in enumerate(FILES)])


WHERE = [(10 + i, 4 + i, 12, 16) for i in range(N)]


def boxed_picture(i: int) -> Image.Image:
    """White but for its box, whose grey says which it is."""
    pixels = np.full((40, 60, 3), 255, np.uint8)
    left, top, width, height = WHERE[i]
    pixels[top : top + height, left : left + width] = 20 * i
    return Image.fromarray(pixels)


def boxed(folder: Path) -> Path:
    """Pictures of which only the box matters, without a table."""
    folder.mkdir(parents=True)
    for i, name in enumerate(FILES):
        boxed_picture(i).save(folder / name)
    return folder


def boxed_csv(folder: Path) -> Path:
    rows = [",".join(map(str, (FILES[i], SMILING[i], HAIR[i], *WHERE[i]))) + "\n" for i in range(N)]
    (boxed(folder) / "metadata.csv").write_text("file_name,Smiling,Hair,x,y,width,height\n" + "".join(rows))
    return folder


def boxed_jsonl(folder: Path) -> Path:
    rows = [{"file_name": FILES[i], "Smiling": bool(SMILING[i]), "Hair": HAIR[i], "bbox": WHERE[i]} for i in range(N)]
    (boxed(folder) / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def boxed_parquet(folder: Path, **changes: list[Any]) -> Path:
    """A data set as clones of the hub have it; `changes` are columns of other values."""
    from datasets import Dataset

    columns: dict[str, Any] = {"image": [boxed_picture(i) for i in range(N)], "Smiling": SMILING, "Hair": HAIR}
    folder.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(columns | (changes or {"bbox": WHERE})).to_parquet(folder / "train-00000-of-00001.parquet")
    return folder


def sides_parquet(folder: Path) -> Path:
    """The same with a column for each side of the box."""
    sides = zip(*WHERE, strict=True)
    return boxed_parquet(
        folder, **{name: [*side] for name, side in zip(("x", "y", "width", "height"), sides, strict=True)}
    )


TABLES: tuple[Callable[[Path], Path], ...] = (metadata_csv, metadata_jsonl, bare_csv, bare_tsv, bare_parquet)
CLASSES: tuple[Callable[[Path], Path], ...] = (classes, classes_below_splits)


def hub_parquet(folder: Path) -> Path:
    """A data set as clones of the hub have it."""
    from datasets import ClassLabel, Dataset, Features, Image as Images, Value

    features = Features(
        {
            "img": Images(),
            "hair": ClassLabel(names=["red", "black", "blond"]),
            "Smiling": Value("bool"),
            "Young": Value("int64"),
            "score": Value("float32"),
            "caption": Value("string"),
        }
    )
    for part in sorted(set(PARTS)):
        rows = [i for i in range(N) if PARTS[i] == part]
        columns: dict[str, list[Any]] = {
            "img": [picture(i) for i in rows],
            "hair": [["red", "black", "blond"].index(HAIR[i]) for i in rows],
            "Smiling": [bool(SMILING[i]) for i in rows],
            "Young": [1 - 2 * SMILING[i] for i in rows],
            "score": [i / 7 for i in rows],
            "caption": [f"number {i}" for i in rows],
        }
        path = folder / "data" / f"{part}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_dict(columns, features=features).to_parquet(path)
    return folder
