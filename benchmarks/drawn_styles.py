"""Six kept styles on drawn faces, and the styles of other faces beside the truth: two pictures of docs/synthfaces.md.

    attredit train --preset photo --attr Smiling --attr Eyeglasses --steps 2200 --run-dir runs/styles
    python benchmarks/drawn_styles.py runs/styles

styles.png has faces in the first six styles that the run keeps. like.png has, from left to right, the face whose style
is taken, that which gets it, the edit, and the same face as it would be with exactly that. Printed is the squared error
of as many edits against the truth as --pairs says, beside that of the unedited faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import attredit
from attredit.report.grid import Pixels, grid

STYLES, FACES, SHOWN, CELL = 6, 3, 8, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run trained on synthfaces")
    parser.add_argument("--attribute", default="Eyeglasses", help="what is put on")
    parser.add_argument(
        "--pairs", type=int, default=100, help="how many faces get another's style (default 100, at least 8)"
    )
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="where the pictures go")
    asked = parser.parse_args()
    from attredit_synthfaces.source import SynthFaces

    editor, name = attredit.load(asked.run), asked.attribute
    faces = 4 * max(asked.pairs, SHOWN)
    source = SynthFaces(image_size=editor.geometry.size, test=faces, seed=1)
    labels = source.labels("test", np.arange(faces))[:, source.schema.index(name)]
    lacking, having = (np.flatnonzero(labels == value) for value in (0, 1))
    count = min(max(asked.pairs, SHOWN), len(lacking), len(having))
    lacking, having = lacking[:count], having[:count]
    plain, donors = source.image("test", lacking), source.image("test", having)
    truths = source.transferred("test", lacking, having, name)

    def edited(face: Pixels, **how: object) -> Pixels:
        return np.asarray(editor.edit(Image.fromarray(face), {name: 1}, **how))  # type: ignore[arg-type]

    styled = [[face, *(edited(face, style=number) for number in range(1, STYLES + 1))] for face in plain[:FACES]]
    edits = np.stack([edited(face, like=Image.fromarray(donor)) for face, donor in zip(plain, donors, strict=True)])
    asked.folder.mkdir(parents=True, exist_ok=True)
    columns = ["", *(f"style {number}" for number in range(1, STYLES + 1))]
    grid(styled, columns=columns, cell=CELL).save(asked.folder / "styles.png", optimize=True)
    pairs = [list(row) for row in zip(donors, plain, edits, truths, strict=True)][:SHOWN]
    pairs = [first + second for first, second in zip(pairs[::2], pairs[1::2], strict=True)]
    columns = ["like", "face", "edit", "truth"] * 2
    grid(pairs, columns=columns, cell=CELL).save(asked.folder / "like.png", optimize=True)
    error, copied = (float(np.square(images / 255.0 - truths / 255.0).mean()) for images in (edits, plain))
    print(f"{len(edits)} faces in others' {name}: {error:.5f}, unedited {copied:.5f}.")
    print(f"Wrote {asked.folder / 'styles.png'} and {asked.folder / 'like.png'}")


if __name__ == "__main__":
    main()
