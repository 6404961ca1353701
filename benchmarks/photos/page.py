"""Pages of edits for somebody to look at: photographs of a data set's test split, each beside its edit.

    python benchmarks/photos/page.py RUN --dataset folder:LOOSE --out page/

writes NAME-0.png and NAME-1.png for each binary attribute of the run, taken off and put on: two pairs a row, chosen by
a seed among photographs in which a frame is found and the edit changes something. Look at them at the size they have,
and publish none that shows people.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import attredit
from attredit.data.collection import choose_dataset
from attredit.plugin.registry import installed
from attredit.request import CollectionRequest

GAP = 20


def pairs(editor: attredit.Editor, rows: object, name: str, to: int, seed: int) -> Iterator[tuple[Image.Image, ...]]:
    """Photographs that have the attribute's other value, and their edits."""
    labels = np.asarray(rows[name])  # type: ignore[index]
    for row in np.random.default_rng(seed).permutation(np.flatnonzero(labels == 1 - to)).tolist():
        image = rows[row]["image"]  # type: ignore[index]
        picture = (Image.fromarray(image) if isinstance(image, np.ndarray) else image).convert("RGB")
        try:
            edited = editor.edit(picture, {name: to})
        except attredit.DataError:  # no frame is found in it
            continue
        if np.array_equal(np.asarray(edited), np.asarray(picture)):
            continue
        yield picture, edited


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--pictures", type=int, default=8, help="a page (default 8)")
    parser.add_argument("--width", type=int, default=300, help="of a picture, in pixels (default 300)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    editor, registry, width = attredit.load(options.run), installed(), options.width
    name, place, more = choose_dataset(registry, options.dataset, None, {})
    request = CollectionRequest(image_size=64, dataset=name, data_dir=place, data_options=more, crop="centre")
    rows = request.collection(registry).source.open(options.split)
    warnings.simplefilter("ignore", attredit.Unchanged)
    options.out.mkdir(parents=True, exist_ok=True)
    for attribute in (one.name for one in editor.schema if one.binary):
        for to in (0, 1):
            found = pairs(editor, rows, attribute, to, options.seed)
            shown = [next(found, None) for _ in range(options.pictures)]
            page = Image.new("RGB", (2 * (2 * width + GAP), -(-len(shown) // 2) * (width + GAP)), "white")
            for i, pair in enumerate(pair for pair in shown if pair):
                for k, one in enumerate(pair):
                    large = one.resize((width, round(width * one.height / one.width)), Image.Resampling.BICUBIC)
                    at = (i % 2) * (2 * width + GAP) + k * width, i // 2 * (width + GAP)
                    page.paste(large.crop((0, 0, width, width)), at)
            page.save(options.out / f"{attribute}-{to}.png")
    print(f"Pages: {options.out}")


if __name__ == "__main__":
    main()
