"""Scores against the image that an edit should have given, for sources that can draw it.

Taking an attribute off has one truth. Putting it on has as many as there are ways of wearing it, so an edit is compared
with the nearest of several, each score with its own nearest. So is one of a categorical attribute, to the next value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, Attribute
from attredit.data.source import CounterfactualSource
from attredit.data.subset import spread
from attredit.editing.editor import Editor
from attredit.evaluation import perceptual
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.editing import Edits, Seen, squared_error
from attredit.evaluation.off_target import TRUE, note_movements
from attredit.evaluation.table import Table
from attredit.evaluation.truths import Truths, truths_of
from attredit.progress import Progress

STYLES = 16
# Drawing takes milliseconds an image, and 16 styles are 16 images, which are kept.
MOST, MOST_ON = 500, 200
_ERRORS = (
    "counterfactual_mse", "counterfactual_floor", "copy_mse",
    "composite_counterfactual_mse", "composite_counterfactual_floor",
)  # fmt: skip
_PERCEPTUAL = ("counterfactual_perceptual_judge", "composite_counterfactual_perceptual_judge", "copy_perceptual_judge")
ON_NAMES = tuple(name + "_on" for name in _ERRORS)
NAMES = (*_ERRORS, *ON_NAMES, *_PERCEPTUAL)
_CHUNK = 32


class Direction(NamedTuple):
    """One kind of edit of an attribute.

    Attributes:
        to: The wanted label.
        suffix: Of the names of its scores.
        most: How many images are scored.
        styles: How many truths each may have.
    """

    to: int
    suffix: str
    most: int
    styles: int


class Counterfactuals:
    """Chooses images, has their truths drawn, and scores edits against them.

    Args:
        editor: The model.
        data: What is evaluated.
        tell: Told of (images drawn, images in all).
    """

    def __init__(self, editor: Editor, data: EvaluationData, tell: Progress) -> None:
        self._editor, self._data = editor, data
        attributes = tuple(editor.schema) if isinstance(data.source, CounterfactualSource) else ()
        chosen = [(a.name, way, self._choose(a, way)) for a in attributes for way in directions(a)]
        done, total = 0, sum(len(images) for _, _, images in chosen)
        self._truths: dict[tuple[str, int], Truths | None] = {}
        for name, way, images in chosen:

            def told(further: int, _: int, before: int = done) -> None:
                tell(before + further, total)

            truths = truths_of(data, images, name, way.to, way.styles, told) if len(images) else None
            self._truths[name, way.to] = truths
            done += len(images)
            tell(done, total)

    def score(self, seen: Seen, attribute: Attribute, edits: Edits, table: Table, cells: Table) -> None:
        """Score a chunk's edits of one attribute, in every direction; nothing where there is no truth to be had.

        Args:
            seen: The chunk.
            attribute: The edited one.
            edits: Its edits.
            table: Where scores go.
            cells: Where it goes what the judge makes of the truths' other attributes.
        """
        model = self._editor.model
        for way in directions(attribute) if self._truths else ():
            for name in _names(way):
                # Known of, even when no image can be scored.
                table.put(name, attribute.name, seen.rows[:0], np.empty(0))
            if (found := self._truths[attribute.name, way.to]) is None:
                continue
            for part in _parts(np.flatnonzero(np.isin(seen.rows, found.images))):
                rows, which = seen.rows[part], torch.from_numpy(part)
                truths = found.of(rows).to(seen.images.device)
                first = truths[:, 0]
                drawn = model.decode(model.encode(first))  # the edit of a latent that lacks nothing
                edit = model.compared(edits.before[part], drawn, edits.attrs[which])
                blended = model.composite(seen.images[part], edit)
                judged = self._data.judge.look(first)
                scores = {
                    "counterfactual_mse": nearest_truth(edits.decoded[part], truths),
                    "counterfactual_floor": squared_error(drawn, first),
                    "copy_mse": nearest_truth(seen.images[part], truths),
                    "composite_counterfactual_mse": nearest_truth(edits.composite[part], truths),
                    "composite_counterfactual_floor": squared_error(blended, first),
                }
                for name, values in scores.items():
                    table.put(name + way.suffix, attribute.name, rows, values)
                note_movements(
                    TRUE, self._data.schema, attribute, rows, edits.asked[which], seen.judged[which], judged, cells
                )
                if (identity := self._data.identity) is not None:
                    identity.score_truths(
                        seen.images[part], first, attribute, rows, f"identity_true{way.suffix}", table
                    )
                if not way.suffix:
                    readings = (edits.judged, edits.judged_composite, seen.judged)
                    for name, reading in zip(_PERCEPTUAL, readings, strict=True):
                        table.put(name, attribute.name, rows, perceptual.distance(reading[which], judged))

    def _choose(self, attribute: Attribute, way: Direction) -> np.ndarray:
        """(M,) which images to score, evenly spread among those that are edited in this direction."""
        labels = self._data.labels[:, self._data.schema.index(attribute.name)].numpy()
        edited = np.flatnonzero((labels != MISSING) & ((labels + 1) % len(attribute.values) == way.to))
        return np.asarray(edited[spread(len(edited), way.most)])


def directions(attribute: Attribute) -> tuple[Direction, ...]:
    """Off and on of a binary attribute; of a categorical one to each of its values, from the one before it."""
    if attribute.binary:
        return Direction(0, "", MOST, 1), Direction(1, "_on", MOST_ON, STYLES)
    count = len(attribute.values)
    return tuple(Direction(value, "", max(1, MOST // count), STYLES) for value in range(count))


def _names(way: Direction) -> tuple[str, ...]:
    """Of the scores of a direction."""
    return tuple(name + way.suffix for name in _ERRORS) + (() if way.suffix else _PERCEPTUAL)


def nearest_truth(images: Tensor, truths: Tensor) -> Tensor:
    """(B,) squared errors of images (B, C, H, W) against the nearest of their truths (B, S, C, H, W)."""
    errors = [squared_error(images, truths[:, style]) for style in range(truths.shape[1])]
    return torch.stack(errors).amin(0)


def _parts(places: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces whose truths fit in memory."""
    for start in range(0, len(places), _CHUNK):
        yield places[start : start + _CHUNK]
