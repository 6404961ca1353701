"""Six kept styles on drawn faces, and the styles of other faces beside the truth: the picture of docs/synthfaces.md.

    python benchmarks/drawn_styles.py

Above: faces, each with the first six styles that the run keeps. Below: the faces whose style is taken (`like`), the
edits, and the same faces as they would be with exactly that. Printed is the squared error of these edits against the
truth, beside that of the unedited faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import attredit
from attredit_synthfaces.source import SynthFaces

STYLES, FACES, PAIRS = 6, 3, 7
GAP, ENLARGED = 2, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="drawn-faces", help="a run trained on synthfaces")
    parser.add_argument("--attribute", default="Eyeglasses", help="what is put on")
    parser.add_argument("--out", type=Path, default=Path("docs/images/styles.png"), help="the picture")
    asked = parser.parse_args()
    editor, name = attredit.load(asked.run, "cpu"), asked.attribute
    source = SynthFaces(image_size=editor.geometry.size, test=200, seed=1)
    labels = source.labels("test", np.arange(200))[:, source.schema.index(name)]
    lacking, having = (np.flatnonzero(labels == value)[: FACES + PAIRS] for value in (0, 1))
    rows = []
    for face in source.image("test", lacking[:FACES]):
        styles = [editor.edit(Image.fromarray(face), style=k, **{name: 1}) for k in range(1, STYLES + 1)]
        rows.append([face, *map(np.asarray, styles)])
    plain, donors = (source.image("test", chosen[FACES:]) for chosen in (lacking, having))
    truth = source.transferred("test", lacking[FACES:], having[FACES:], name)
    edits = [
        np.asarray(editor.edit(Image.fromarray(face), like=Image.fromarray(donor), **{name: 1}))
        for face, donor in zip(plain, donors, strict=True)
    ]
    rows += [list(images) for images in (donors, plain, edits, truth)]
    error, copied = (np.square((np.stack(a) / 255.0) - truth / 255.0).mean() for a in (edits, plain))
    print(f"{len(edits)} faces in others' {name}: {error:.5f}, unedited {copied:.5f}.")
    picture = sheet(rows)
    picture.resize((ENLARGED * picture.width, ENLARGED * picture.height), Image.Resampling.NEAREST).save(
        asked.out, optimize=True
    )


def sheet(rows: list[list[NDArray[np.uint8]]]) -> Image.Image:
    """Rows of images of one size, the last four a little apart."""
    side = len(rows[0][0])
    picture = Image.new("RGB", (max(map(len, rows)) * (side + GAP) - GAP, len(rows) * (side + GAP) + 3 * GAP), "white")
    for j, row in enumerate(rows):
        for i, image in enumerate(row):
            picture.paste(Image.fromarray(image), (i * (side + GAP), j * (side + GAP) + (4 * GAP if j >= FACES else 0)))
    return picture


if __name__ == "__main__":
    main()
