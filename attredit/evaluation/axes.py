"""The axes on which counterfactual image models are compared: composition, reversibility, effectiveness, minimality.

The first three are axioms of Monteiro et al. 2023 ("Measuring axiomatic soundness of counterfactual image models"); the
last, with its measure CLD, is of Melistas et al. 2024 ("Benchmarking counterfactual image generation"). Their units are
kept: absolute differences of pixels from 0 to 255, and LPIPS. docs/metrics.md says where figures compare with theirs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.data.subset import spread
from attredit.editing.editor import Editor
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.editing import Edits, Seen, squared_error, taken
from attredit.evaluation.off_target import indicators
from attredit.evaluation.realism import Realism
from attredit.evaluation.result import Effect
from attredit.evaluation.table import Table

AGAIN = 10
NOT_ASKED = f"It takes {AGAIN} passes of an image: attredit evaluate --full."
MATRIX = "effectiveness_matrix"
# Images that are passed through the model again, and those of a value that an edit's distance is compared with.
MOST, REFERENCES = 200, 1000
_KINDS = ("", "composite_")
_DISTANCES = ("composition", *(f"{kind}reversibility" for kind in _KINDS))
REPEATED = tuple(f"{name}_{AGAIN}{unit}" for name in _DISTANCES for unit in ("", "_mse"))
LPIPS = ("lpips", *(f"{name}_lpips" for name in (*_DISTANCES[1:], *(f"{name}_{AGAIN}" for name in _DISTANCES))))
# Weights of CLD's two shares, as in the authors' code.
_NEAR, _AWAY = 0.8, 0.2


class Axes:
    """Scores chunks, and what takes all of them when all have been seen.

    Args:
        editor: The model.
        data: What is evaluated.
        realism: Has the judge's features of images and edits.
    """

    def __init__(self, editor: Editor, data: EvaluationData, realism: Realism) -> None:
        self._model, self._data, self._realism = editor.model, data, realism
        self._few = spread(len(data), MOST)
        # Labels (N, n) that the judge reads off edits, by kind and attribute.
        self._read: dict[tuple[str, str], Tensor] = {}

    def see(self, seen: Seen, table: Table) -> None:
        """Score composition: what is lost by passing through the model without any edit."""
        self._put("composition", None, seen, seen.reconstruction, table)
        part = self._part(seen)
        if self._data.full and len(part.rows):
            images = part.reconstruction
            for _ in range(AGAIN - 1):
                images = self._model.decode(self._model.encode(images))
            self._put(f"composition_{AGAIN}", None, part, images, table)

    def see_edits(self, seen: Seen, attribute: Attribute, edits: Edits, table: Table) -> None:
        """Score reversibility of a chunk's edits of one attribute, and note what has to wait for all of them."""
        few = self._among(seen)
        judged = (edits.judged, edits.judged_composite)
        for kind, images, reading in zip(_KINDS, (edits.decoded, edits.composite), judged, strict=True):
            read = self._read.setdefault((kind, attribute.name), torch.full(self._data.labels.shape, MISSING))
            read[torch.from_numpy(seen.rows)] = reading.labels.cpu()
            table.put(f"{kind}reversibility", attribute.name, seen.rows[:0], np.empty(0))  # known of in every chunk
            if len(few):
                self._undo(kind, attribute, seen[few], images[few], edits.asked[few], table)

    def score(self, table: Table, cells: Table) -> None:
        """Score effectiveness and minimality of all edits.

        Args:
            table: Where figures go.
            cells: Where those of the matrix go, as ``KIND/OTHER`` of the edited attribute.
        """
        schema, labels = self._data.schema, self._data.labels
        for (kind, name), read in self._read.items():
            column = schema.index(name)
            rows = torch.nonzero(labels[:, column] != MISSING)[:, 0]
            asked, count = labels[rows].clone(), len(schema.attributes[column].values)
            asked[:, column] = (asked[:, column] + 1) % count
            for other, place, value in indicators(schema):
                known = asked[:, place] != MISSING
                found = f1(read[rows[known], place] == value, asked[known, place] == value)
                if found is not None:
                    cells.put(f"{kind}{MATRIX}/{other}", name, rows[known].numpy(), found)
                    if place == column:
                        of, columns = (0, 1) if count == 2 else (value, count)
                        own = rows[known].numpy()
                        table.put(f"{kind}effectiveness", name, own, found, column=of, columns=columns)
            features, edited = self._realism.judged("real"), self._realism.judged(kind, name)[rows]
            table.put(f"{kind}minimality", name, rows.numpy(), cld(features, edited, labels[:, column], rows, count))

    def _undo(self, kind: str, attribute: Attribute, seen: Seen, images: Tensor, asked: Tensor, table: Table) -> None:
        """Score what is left of a difference when edits (B, C, H, W) are undone, once or ten times over."""
        own = (asked - 1) % len(attribute.values)
        images = self._edited(kind, attribute, images, own)
        self._put(f"{kind}reversibility", attribute.name, seen, images, table)
        if self._data.full:
            for _ in range(AGAIN - 1):
                images = self._edited(kind, attribute, self._edited(kind, attribute, images, asked), own)
            self._put(f"{kind}reversibility_{AGAIN}", attribute.name, seen, images, table)

    def _edited(self, kind: str, attribute: Attribute, images: Tensor, wanted: Tensor) -> Tensor:
        """(B, C, H, W) decoded or composite edits of images to labels (B,)."""
        code, edited = self._model.encode(images), torch.empty_like(images)
        for value in range(len(attribute.values)):
            if (chosen := wanted == value).any():
                edit = self._model.edit(taken(code, chosen), {attribute.name: value})
                edited[chosen] = self._model.composite(images[chosen], edit) if kind else edit.after
        return edited

    def _put(self, name: str, attribute: str | None, seen: Seen, images: Tensor, table: Table) -> None:
        """Score distances of a chunk's images from what has become of them."""
        table.put(name, attribute, seen.rows, 255 * (images - seen.images).abs().flatten(1).mean(1))
        if name != "composition":  # of which it is `mse`
            table.put(f"{name}_mse", attribute, seen.rows, squared_error(images, seen.images))
        if self._data.lpips is not None:
            unit = "lpips" if name == "composition" else f"{name}_lpips"
            table.put(unit, attribute, seen.rows, self._data.lpips.distance(images, seen.images))

    def _among(self, seen: Seen) -> Tensor:
        """Which of a chunk's images are passed through the model again."""
        return torch.from_numpy(np.flatnonzero(np.isin(seen.rows, self._few))).to(seen.images.device)

    def _part(self, seen: Seen) -> Seen:
        return seen[self._among(seen)]


def f1(read: Tensor, wanted: Tensor) -> Tensor | None:
    """(N,) what every image says of F1, of which it is the mean; None where nothing is positive, which has no F1.

    F1 is twice the hits by the positives that were read and those that were wanted; to it is added each image's
    influence on the quotient.

    Args:
        read: (N,) whether the judge sees it.
        wanted: (N,) whether it should be there.
    """
    hits, positives = 2.0 * (read & wanted).double(), read.double() + wanted.double()
    if not positives.any():
        return None
    value = hits.sum() / positives.sum()
    return value + (hits - value * positives) / positives.mean()


def cld(features: Tensor, edited: Tensor, labels: Tensor, rows: Tensor, count: int) -> Tensor:
    """(M,) counterfactual latent divergence: how far edits went, beside how far apart images are anyway.

    log(.8 exp(p) + .2 exp(q)), 0 to 1: p is the share of images of the new value that are no farther from the image
    than its edit is, q the share of the other images of its own value that are no nearer. Distances are absolute
    differences of features.

    Args:
        features: (N, F) of all images.
        edited: (M, F) of the edits to the next value.
        labels: (N,) values of all images; `MISSING` where one has none.
        rows: (M,) which images were edited.
        count: How many values there are.
    """
    result = torch.full((len(rows),), torch.nan)
    for value in range(count):
        mine = labels[rows] == value
        where, place = rows[mine], torch.nonzero(mine)[:, 0]
        old, new = (_references(labels, v) for v in (value, (value + 1) % count))
        if not len(where) or len(old) < 2 or not len(new):
            continue
        went = (features[where] - edited[place]).abs().sum(1, keepdim=True)
        near = (torch.cdist(features[where], features[new], p=1) <= went).double().mean(1)
        # The image itself is none of the others.
        others = (where[:, None] != old).double()
        away = ((torch.cdist(features[where], features[old], p=1) >= went) * others).sum(1) / others.sum(1)
        result[place] = (_NEAR * near.exp() + _AWAY * away.exp()).log().float()
    return result


def effects(edited: AttributeSchema, schema: AttributeSchema, cells: Table) -> dict[str, dict[str, Effect]]:
    """The matrix of F1, by edited and other attribute; what has no positive is left out."""
    found: dict[str, dict[str, Effect]] = {}
    for attribute in edited:
        row = {}
        for other, _, _ in indicators(schema):
            decoded, composite = (
                figure.of(attribute.name) if (figure := cells.figures.get(f"{kind}{MATRIX}/{other}")) else None
                for kind in _KINDS
            )
            if decoded or composite:
                row[other] = Effect(decoded, composite)
        found[attribute.name] = row
    return found


def _references(labels: Tensor, value: int) -> Tensor:
    """Up to `REFERENCES` images of a value, evenly spread."""
    rows = torch.nonzero(labels == value)[:, 0]
    return rows[torch.from_numpy(spread(len(rows), REFERENCES))]
