"""What edits are worth on photographs that somebody else framed, as a person makes them: the frame found in each.

    python benchmarks/framed.py RUN --dataset folder:PATH --limit 300

`attredit evaluate RUN --dataset` cuts every image as the run's own were cut. Here each picture of the test split is
edited as it is, in full size, and then shown to the judge of its own collection as that judge sees images. Without
--dataset they are the run's own pictures.

found       share of pictures in which a frame is found; the others count as neither read nor edited
read        share whose attribute is read as labelled
on, off     share of composite edits, put on and taken off, that the judges call done, of pictures that they read
            rightly
unchanged   share of edits that change no pixel
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console

import attredit
from attredit.cli.console import progress
from attredit.cli.tables import table
from attredit.data import Store, cache_dir
from attredit.data.collection import Collection
from attredit.data.subset import spread
from attredit.errors import DataError
from attredit.evaluation.elsewhere import Elsewhere, opened
from attredit.evaluation.judge import judge_of
from attredit.evaluation.statistics import wilson
from attredit.plugin.registry import installed
from attredit.runs.data import training_collection
from attredit.runs.directory import RunDirectory

COLUMNS = ("found", "read", "on", "off", "unchanged")


def collection_of(run: Path, dataset: str | None) -> Collection:
    registry, config = installed(), RunDirectory(run).config()
    if dataset is None:
        return training_collection(registry, config)
    return opened(registry, Elsewhere(dataset), config.schema_, config.geometry).collection


def edited(editor: attredit.Editor, picture: Image.Image, name: str, label: int) -> tuple[bool, Image.Image] | None:
    """Whether the attribute is read as labelled, and the picture with the other value; None where no frame is found."""
    try:
        [frame] = editor.boxes(picture)
    except DataError:
        return None
    read = round(editor.predict(picture, box=frame)[name]) == label
    return read, editor.edit(picture, {name: 1 - label}, box=frame)


def seen(collection: Collection, picture: Image.Image) -> torch.Tensor:
    """(1, C, H, W) as the collection's judge sees it."""
    pixels = np.asarray(collection.geometry.apply(picture))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0


def measured(editor: attredit.Editor, collection: Collection, name: str, limit: int) -> dict[str, list[bool]]:
    test: Store = collection.store("test")
    shown, answers = collection.source.open("test"), dict[str, list[bool]]((column, []) for column in COLUMNS)
    labels, column = test.label_columns([name])[:, 0], test.schema.index(name)
    with progress() as report, warnings.catch_warnings():
        warnings.simplefilter("ignore", attredit.Unchanged)
        judge = judge_of(collection.store("train"), cache=cache_dir(), device=torch.device("cpu"))
        rows = spread(len(test), limit)
        for i, row in enumerate(rows):
            report("Editing", i + 1, len(rows))
            label = int(labels[row])
            if label < 0:
                continue
            picture = shown[int(test.rows[row])]["image"].convert("RGB")
            result = edited(editor, picture, name, label)
            answers["found"].append(result is not None)
            answers["read"].append(result is not None and result[0])
            judged = bool((judge.look(seen(collection, picture)).verdicts[:, :, column] == label).all())
            after = picture if result is None else result[1]
            image = seen(collection, after)
            done = bool(judge.obeyed(image, judge.look(image), column, torch.tensor([1 - label]))) if result else False
            if judged:
                answers["off" if label else "on"].append(done)
            if result is not None:
                answers["unchanged"].append(np.array_equal(np.asarray(after), np.asarray(picture)))
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--dataset", help="NAME:ARGUMENT, as for attredit train; by default the run's own")
    parser.add_argument("--limit", type=int, default=300, help="pictures, evenly spread over the test split")
    asked = parser.parse_args()
    editor, collection = attredit.load(asked.run, "cpu"), collection_of(asked.run, asked.dataset)
    said = table("attribute", *COLUMNS, numbers=COLUMNS)
    for name in editor.schema.names:
        answers = measured(editor, collection, name, asked.limit)
        cells = []
        for told in answers.values():
            low, high = wilson(sum(told), len(told))
            cells.append(f"{np.mean(told):.3f} ({low:.3f} to {high:.3f}), n {len(told)}" if told else "none")
        said.add_row(name, *cells)
    Console(width=200).print(said)


if __name__ == "__main__":
    main()
