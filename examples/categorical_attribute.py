"""An attribute of three values, and edits that name the one they want.

    python examples/categorical_attribute.py [DIRECTORY]
    attredit train --plugin examples/categorical_attribute.py --dataset discs --attr Colour

The file is a plugin: its data set draws discs, which are red, green or blue, at any place on a grey ground.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

import attredit
from attredit import Attribute, AttributeSchema, hookimpl

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit import Register

attredit_api = 1
COLOURS = ("red", "green", "blue")


@hookimpl
def register_datasets(register: Register) -> None:
    register("discs", "categorical_attribute:Discs", summary="red, green and blue discs")


class Discs:
    schema = AttributeSchema((Attribute("Colour", COLOURS),))
    channels = 3
    splits = ("train", "valid", "test")

    def __init__(self, *, image_size: int, data_dir: Path | None = None, images: int = 600) -> None:
        self.image_size, self.images = image_size, images

    def fingerprint(self, split: str) -> str:
        return hashlib.sha256(f"1 {split} {self.image_size} {self.images}".encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        from datasets import Dataset

        random = np.random.default_rng(self.splits.index(split))
        colours = [i % 3 for i in range(self.images)]
        images = []
        for colour in colours:
            image = Image.new("RGB", (self.image_size, self.image_size), "grey")
            place = random.uniform((0.3, 0.3), (0.7, 0.7)) * self.image_size
            ImageDraw.Draw(image).circle(tuple(place), self.image_size / 4, fill=COLOURS[colour])
            images.append(image)
        return Dataset.from_dict({"image": images, "Colour": colours})


def main(folder: Path) -> None:
    attredit.use_plugin(__file__)
    request = attredit.Request(
        dataset="discs", attributes=["Colour"], image_size=32, steps=100, batch_size=16, run_dir=str(folder / "run")
    )
    editor = attredit.load(attredit.train(request))
    disc = Discs(image_size=32).open("test")[0]["image"]
    for colour in COLOURS:
        edited = editor.edit(disc, Colour=colour)
        edited.save(folder / f"{colour}.png")
        print(f"{colour}:", {name: round(p, 2) for name, p in editor.predict(edited)["Colour"].items()})
    print(f"A red disc, edited, is in {folder}: {', '.join(f'{c}.png' for c in COLOURS)}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
