"""A data set from a table and a folder of images.

    python examples/csv_dataset.py [DIRECTORY]
    attredit train --plugin examples/csv_dataset.py --dataset table --data-dir PATH --attr Ring

The file is a plugin. PATH has images and a labels.csv with columns ``file``, ``split`` and one for each attribute.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

import attredit
from attredit import AttributeSchema, DataError, hookimpl

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit import Register

attredit_api = 1


@hookimpl
def register_datasets(register: Register) -> None:
    register("table", "csv_dataset:Table", summary="images that a labels.csv beside them names")


class Table:
    channels = 3

    def __init__(self, *, image_size: int, data_dir: Path | None = None) -> None:
        if data_dir is None or not (data_dir / "labels.csv").is_file():
            raise DataError(f"There is no labels.csv in {data_dir}.", "Name its folder with --data-dir.")
        with (data_dir / "labels.csv").open(newline="", encoding="utf-8") as file:
            self.folder, self.rows = data_dir, list(csv.DictReader(file))
        self.schema = AttributeSchema.of_binary(name for name in self.rows[0] if name not in ("file", "split"))
        self.splits = tuple(dict.fromkeys(row["split"] for row in self.rows))

    def fingerprint(self, split: str) -> str:  # an image replaced by one of just as many bytes goes unnoticed
        facts = [(row, (self.folder / row["file"]).stat().st_size) for row in self.rows if row["split"] == split]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        import datasets  # takes a second, which listing plugins should not

        rows = [row for row in self.rows if row["split"] == split]
        labels = {name: [int(row[name]) if row[name] else None for row in rows] for name in self.schema.names}
        images = {"image": [str(self.folder / row["file"]) for row in rows]}
        return datasets.Dataset.from_dict({**images, **labels}).cast_column("image", datasets.Image())


def main(folder: Path) -> None:
    (folder / "squares").mkdir(parents=True)
    for i in range(120):
        image = Image.new("RGB", (40, 40), "white")
        ImageDraw.Draw(image).rectangle((8, 8, 31, 31), fill=(2 * i, 255 - 2 * i, 128))
        ImageDraw.Draw(image).ellipse((2, 2, 37, 37), outline="black", width=3 * (i % 2))
        image.save(folder / "squares" / f"{i}.png")
    rows = [f"{i}.png,{'test' if i >= 100 else 'train'},{i % 2}" for i in range(120)]
    (folder / "squares" / "labels.csv").write_text("\n".join(["file,split,Ring", *rows]), "utf-8")
    attredit.use_plugin(__file__)
    data, run = folder / "squares", folder / "run"
    run = attredit.train(dataset="table", data_dir=data, attributes=["Ring"], image_size=32, steps=100, run_dir=run)
    editor = attredit.load(run)
    editor.edit(folder / "squares" / "110.png", Ring=1).save(folder / "ring.png")
    print(f"Square 110, to which a ring was added, is in {folder / 'ring.png'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
