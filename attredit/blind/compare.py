"""From runs to what a page shows: the same images edited by all, pair by pair."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from attredit.attributes import Attribute
from attredit.blind.pairs import Pair, drawn
from attredit.blind.wording import question
from attredit.data import Store
from attredit.data.source import DataSource
from attredit.editing.editor import Editor, load
from attredit.errors import RunError, UsageError, nearest
from attredit.plugin.registry import installed
from attredit.report.faces import arrays_of
from attredit.runs.data import own_collection, relocated
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of

Drawn = tuple[int, str, int]
"""An image, an attribute, and the label that it is given."""


@dataclass(frozen=True)
class Asked:
    """What is compared, and how often.

    Attributes:
        attributes: To edit; those that all runs have, when empty.
        pairs: How many are shown.
        again: How many of them are shown a second time.
        seed: Of images, order and sides.
        split: Of the runs' data.
        noun: What the pictures show; when empty, "person" for data sets of faces and "subject" for others.
    """

    attributes: Sequence[str] = ()
    pairs: int = 40
    again: int = 8
    seed: int = 0
    split: str = "test"
    noun: str = ""


@dataclass(frozen=True)
class BlindComparison:
    """What a page shows, and who is who.

    Attributes:
        names: Of the runs.
        editors: Of the runs.
        pairs: In the order in which they are shown.
        questions: What is asked of an attribute and a label.
        originals: (H, W, C) uint8 by image.
        edits: (H, W, C) uint8 of each run, by number.
    """

    names: Sequence[str]
    editors: Sequence[Editor]
    pairs: Sequence[Pair]
    questions: Mapping[tuple[str, int], str]
    originals: Mapping[int, NDArray[np.uint8]]
    edits: Sequence[Mapping[Drawn, NDArray[np.uint8]]] = field(default_factory=tuple)


def comparison_of(
    runs: Sequence[str | os.PathLike[str]],
    asked: Asked,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    device: str | None = None,
) -> BlindComparison:
    """Have all runs edit the same images of their data, as `Editor.edit` does: composite, from predicted labels.

    Args:
        runs: Directories of two runs or more.
        asked: What to compare.
        data_dir: Where the data lie now, if they were moved.
        device: As of `attredit.load`.

    Raises:
        UsageError: fewer than two runs, one of them twice, an unknown split, or an attribute that not all edit.
        RunError: one cannot be read, or they were trained on different data.
        DataError: the data are not where they should be, or have no labels.
    """
    directories = [RunDirectory(directory_of(run)) for run in runs]
    if len({directory.path.resolve() for directory in directories}) < max(2, len(runs)):
        raise UsageError("A comparison is of two runs or more, each named once.", "Name another one.")
    editors = [load(directory.path, device) for directory in directories]
    source, store = _images(directories, editors, asked.split, data_dir)
    attributes = _attributes(editors, asked.attributes)
    labels = {a.name: store.label_columns([a.name])[:, 0] for a in attributes}
    values = {a.name: len(a.values) for a in attributes}
    pairs = drawn(labels, values, len(editors), asked.pairs, asked.again, asked.seed)
    noun = asked.noun or ("person" if getattr(source, "of_faces", False) else "subject")
    return BlindComparison(
        names_of([directory.path for directory in directories]),
        editors,
        pairs,
        {(a.name, label): question(a, label, noun) for a in attributes for label in range(len(a.values))},
        {pair.image: store.images[pair.image] for pair in pairs},
        [_edited(editor, store, pairs, number) for number, editor in enumerate(editors)],
    )


def names_of(paths: Sequence[Path]) -> list[str]:
    """What runs are called: as much of the ends of their paths as tells them apart."""
    parts = [path.resolve().parts for path in paths]
    length = 1
    while len({own[-length:] for own in parts}) < len(parts):
        length += 1
    return ["/".join(own[-length:]) for own in parts]


def _images(
    directories: Sequence[RunDirectory],
    editors: Sequence[Editor],
    split: str,
    data_dir: str | os.PathLike[str] | None,
) -> tuple[DataSource, Store]:
    """A split of the data that all were trained on."""
    first = editors[0].config
    for directory, editor in zip(directories, editors, strict=True):
        if editor.config.data.fingerprint != first.data.fingerprint:
            raise RunError(
                f"{directories[0].path} and {directory.path} were trained on different data, or see them differently.",
                "Compare runs of the same data set, size and crop.",
            )
    registry = installed()
    config = relocated(registry, first, data_dir)
    collection = own_collection(registry, directories[0], config)
    return collection.source, collection.store(split)


def _attributes(editors: Sequence[Editor], asked: Sequence[str]) -> list[Attribute]:
    """Those that are asked for, or all that every run edits."""
    common = [a for a in editors[0].schema if all(a.name in editor.schema.names for editor in editors)]
    if unknown := [name for name in asked if name not in [a.name for a in common]]:
        raise UsageError(f"Not all of the runs edit {unknown[0]}.", nearest(unknown[0], [a.name for a in common]))
    if not common:
        raise UsageError("The runs edit no attribute that all of them have.", "Compare others.")
    return [a for a in common if not asked or a.name in asked]


def _edited(editor: Editor, store: Store, pairs: Sequence[Pair], number: int) -> dict[Drawn, NDArray[np.uint8]]:
    """The edits of one run that some pair shows."""
    wanted: dict[tuple[str, int], set[int]] = {}
    for pair in pairs:
        if number in (pair.left, pair.right):
            wanted.setdefault((pair.attribute, pair.label), set()).add(pair.image)
    found: dict[Drawn, NDArray[np.uint8]] = {}
    for (name, label), images in wanted.items():
        rows = sorted(images)
        before = store.batch(np.array(rows)).float() / 255.0
        with torch.inference_mode():
            code = editor.model.encode(before)
            after = editor.model.composite(before, editor.model.edit(code, {name: label}))
        found |= {(row, name, label): pixels for row, pixels in zip(rows, arrays_of(after), strict=True)}
    return found
