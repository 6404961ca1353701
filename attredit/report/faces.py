"""Test faces and what a model makes of them: the columns of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import BINARY, MISSING, Attribute
from attredit.data import Store
from attredit.data.pixels import to_bytes
from attredit.data.source import CounterfactualSource, DataSource
from attredit.editing.editor import SWEEP, Editor
from attredit.report.grid import Pixels

AMPLIFIED = 3.0

ORIGINAL, RECONSTRUCTION, EDIT = "original", "reconstruction", "edit"
TRUTH, CHANGE, MISS = "true edit", "changed", "off the truth"

EXPLAINED = {
    ORIGINAL: "the image as it is",
    RECONSTRUCTION: "encoded and decoded, with the attributes the model predicts",
    EDIT: "another value than the image has, blended into its own pixels",
    TRUTH: "what the edit should have been, drawn by the data set",
    CHANGE: f"where the edit differs from the original, amplified {AMPLIFIED:g} times",
    MISS: f"where the edit differs from the true edit, amplified {AMPLIFIED:g} times",
}


@dataclass(frozen=True)
class Face:
    """One test face.

    Attributes:
        index: Its number in the split.
        before: The name of the value it has.
        after: The name of the value it is edited to.
        images: By column, uint8 (H, W, C).
    """

    index: int
    before: str
    after: str
    images: Mapping[str, Pixels]


@dataclass(frozen=True)
class EditedFaces:
    """Faces edited in one attribute.

    Attributes:
        attribute: Which.
        columns: Keys of each face's images, in order.
        faces: Half without the attribute, half with it, as far as the split has them.
        sweeps: For some faces, the decoder's images at the values `SWEEP`; none for a categorical attribute.
        predicted: Whether what the faces have is what the model reads in them, because the split has no label of it.
    """

    attribute: Attribute
    columns: tuple[str, ...]
    faces: tuple[Face, ...]
    sweeps: tuple[tuple[Pixels, ...], ...]
    predicted: bool = False

    def groups(self) -> list[list[Face]]:
        """The faces of each value."""
        values = dict.fromkeys(face.before for face in self.faces)
        return [[face for face in self.faces if face.before == value] for value in values]

    def first(self, each: int) -> list[Face]:
        """Up to so many faces of each value."""
        return [face for group in self.groups() for face in group[:each]]


def value_title(attribute: Attribute, value: int) -> str:
    """What a value is called above its column: "without Smiling", "Hair blond"."""
    if attribute.values == BINARY:
        return f"{('without', 'with')[value]} {attribute.name}"
    return f"{attribute.name} {attribute.values[value]}"


def task(attribute: Attribute, face: Face) -> str:
    """What a face is and becomes, as a heading."""
    if attribute.values != BINARY:
        return f"{face.before}, edited to {face.after}"
    does = "puts it on" if face.after == value_title(attribute, 1) else "takes it off"
    return f"{face.before[:1].upper()}{face.before[1:]}: the edit {does}"


def edits_of(
    editor: Editor, store: Store, source: DataSource, split: str, attribute: Attribute, count: int
) -> EditedFaces:
    """Edit some faces of a split in one attribute.

    Args:
        editor: The model.
        store: The prepared split.
        source: Where it came from; asked for true edits if it can draw them.
        split: Its name.
        attribute: What to edit.
        count: How many faces.
    """
    labels = store.label_columns([attribute.name])[:, 0]
    predicted = bool((labels == MISSING).all())
    if predicted:
        labels = _read(editor, store.batch(np.arange(min(count, len(labels)))).float() / 255.0, attribute)
    indices = pick(labels, len(attribute.values), count)
    before = labels[indices]
    after = (before + 1) % len(attribute.values)
    images = store.batch(indices).float() / 255.0
    columns = {ORIGINAL: arrays_of(images), **_decoded(editor, images, attribute, after)}
    if isinstance(source, CounterfactualSource):
        columns[TRUTH] = _truth(source, split, store.rows[indices], attribute, after)
        columns[MISS] = _heat(columns[EDIT], columns[TRUTH])
    columns[CHANGE] = _heat(columns[EDIT], columns[ORIGINAL])
    order = tuple(sorted(columns, key=lambda c: (c in (CHANGE, MISS), c == MISS)))
    faces = tuple(
        Face(
            int(indices[i]),
            value_title(attribute, int(before[i])),
            value_title(attribute, int(after[i])),
            {name: arrays[i] for name, arrays in columns.items()},
        )
        for i in range(len(indices))
    )
    return EditedFaces(attribute, order, faces, _sweeps(editor, images, attribute), predicted)


def pick(labels: np.ndarray, values: int, count: int) -> np.ndarray:
    """Indices of the first images of each value, in equal numbers as far as they exist: first all of value 0."""
    each = max(1, count // values)
    return np.concatenate([np.flatnonzero(labels == value)[:each] for value in range(values)])


def _read(editor: Editor, images: Tensor, attribute: Attribute) -> np.ndarray:
    """(B,) int64 labels that the model's own predictor reads in images (B, C, H, W) in [0, 1]."""
    model = editor.model
    found: np.ndarray = model.schema.decode(model.probabilities(model.encode(images))).cpu().numpy()
    return found[:, model.schema.index(attribute.name)]


def _decoded(editor: Editor, images: Tensor, attribute: Attribute, after: np.ndarray) -> dict[str, Pixels]:
    """What the decoder says: as the face is, with each value, and the edit blended into the image."""
    model = editor.model
    code = model.encode(images)
    edits = [model.edit(code, {attribute.name: value}) for value in range(len(attribute.values))]
    blended = [model.composite(images, edit) for edit in edits]
    columns = {RECONSTRUCTION: arrays_of(model.decode(code))}
    columns |= {value_title(attribute, value): arrays_of(edit.after) for value, edit in enumerate(edits)}
    columns[EDIT] = arrays_of(torch.stack([blended[value][i] for i, value in enumerate(after.tolist())]))
    return columns


def _truth(
    source: CounterfactualSource, split: str, rows: np.ndarray, attribute: Attribute, after: np.ndarray
) -> Pixels:
    """What the edits should have been, in the face's own style."""
    drawn: dict[int, Pixels] = {}
    for value in np.unique(after):
        own = np.flatnonzero(after == value)
        images = source.counterfactual(split, rows[own].tolist(), {attribute.name: int(value)}, styles=1)
        drawn |= {int(place): images[i, 0] for i, place in enumerate(own)}
    return np.stack([drawn[place] for place in range(len(rows))])


def _sweeps(editor: Editor, images: Tensor, attribute: Attribute) -> tuple[tuple[Pixels, ...], ...]:
    """Decoded images of the first and the last face at every value of `SWEEP`."""
    if not attribute.binary:
        return ()
    ends = images[[0, -1]]
    return tuple(tuple(frames) for frames in editor.sweep(ends, attribute.name, SWEEP, output="numpy"))


def _heat(first: Pixels, second: Pixels) -> Pixels:
    """The largest channel difference, amplified, from black to white through warm colours."""
    import matplotlib

    difference = np.abs(first.astype(np.float32) - second.astype(np.float32)).max(-1) / 255.0
    coloured: Any = matplotlib.colormaps["inferno"]((AMPLIFIED * difference).clip(0.0, 1.0))
    return to_bytes(coloured[..., :3])


def arrays_of(images: Tensor) -> Pixels:
    """Images (B, C, H, W) in [0, 1] as uint8 (B, H, W, C)."""
    array: Pixels = to_bytes(images.permute(0, 2, 3, 1).cpu().numpy())
    return array


def sample_columns(editor: Editor, images: Tensor) -> tuple[list[str], Sequence[Pixels]]:
    """Of images (B, C, H, W) in [0, 1]: themselves, reconstructions, and each attribute's values decoded.

    Returns:
        Headings, and for each heading its images (B, H, W, C).
    """
    code = editor.model.encode(images)
    headings, columns = [ORIGINAL, RECONSTRUCTION], [arrays_of(images), arrays_of(editor.model.decode(code))]
    for attribute in editor.schema:
        for value in range(len(attribute.values)):
            headings.append(value_title(attribute, value))
            columns.append(arrays_of(editor.model.decode(code, {attribute.name: value})))
    return headings, columns
