"""How far edits and samples are, as a set, from real images, in the judge's features.

Edits to a value are compared with real images of that value, as StarGAN v2 (Choi et al. 2020) does; the figure is the
mean over values. Samples, decoded from the prior with the evaluated images' labels, are compared with all of them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import Attribute
from attredit.evaluation.data import EvaluationData, spread
from attredit.evaluation.distances import KERNEL_MOST, Distance, frechet, kernel
from attredit.evaluation.editing import Edits, Seen
from attredit.evaluation.table import Table
from attredit.view import noise

if TYPE_CHECKING:
    from attredit.editor import Editor

SAMPLES = ("sample_fid_judge", "sample_kid_judge")
_SEED = 20170711
# Of a covariance of D dimensions, fewer images than this times D say little.
_PER_DIMENSION = 2


class Realism:
    """Collects features of chunks, and measures distances when all have been seen.

    Args:
        editor: The model.
        data: What is evaluated.
    """

    def __init__(self, editor: Editor, data: EvaluationData) -> None:
        self._editor, self._data = editor, data
        self._features: dict[tuple[str, str | None], list[Tensor]] = defaultdict(list)
        self._asked: dict[str, list[Tensor]] = defaultdict(list)

    def see(self, seen: Seen) -> None:
        """Note a chunk's real images, and draw as many samples, if the encoder has a prior."""
        self._put("real", None, seen.judged.features)
        if seen.code.logvar is None:
            return
        z = noise(_SEED, int(seen.rows[0]), "evaluate/samples", tuple(seen.code.mean.shape)).to(seen.images.device)
        columns = [self._data.schema.index(name) for name in self._editor.schema.names]
        attrs = self._editor.schema.encode(seen.labels[:, columns])
        self._put("sample", None, self._data.judge.look(self._editor.decode(z, attrs, None)).features)

    def see_edits(self, attribute: Attribute, edits: Edits) -> None:
        """Note a chunk's edits of one attribute."""
        self._put("", attribute.name, edits.judged.features)
        self._put("composite_", attribute.name, edits.judged_composite.features)
        self._asked[attribute.name].append(edits.asked.cpu())

    def score(self, table: Table) -> dict[str, str]:
        """Put all distances into a table; returns reasons for those that cannot be measured."""
        reasons: dict[str, str] = {}
        if ("sample", None) in self._features:
            everything = torch.ones(len(self._data), dtype=torch.bool)
            pairs = [(everything, everything)]
            reasons.update(self._score("sample_", None, self._joined("sample", None), pairs, table))
        else:
            reasons.update(dict.fromkeys(SAMPLES, "The encoder has no prior to sample from."))
        for attribute in self._editor.schema:
            labels = self._data.labels[:, self._data.schema.index(attribute.name)]
            asked = torch.cat(self._asked[attribute.name])
            pairs = [(labels == value, asked == value) for value in range(len(attribute.values))]
            for prefix in ("", "composite_"):
                fake = self._joined(prefix, attribute.name)
                for name, reason in self._score(prefix, attribute.name, fake, pairs, table).items():
                    reasons[f"{name}/{attribute.name}"] = reason
        return {self._key(name, table): reason for name, reason in reasons.items()}

    def _key(self, name: str, table: Table) -> str:
        """The metric's name alone where no attribute has it."""
        metric = name.split("/")[0]
        return name if metric in table.figures else metric

    def _score(
        self, prefix: str, attribute: str | None, fake: Tensor, pairs: list[tuple[Tensor, Tensor]], table: Table
    ) -> dict[str, str]:
        """Both distances, mean over pairs of sets; each pair is (N,) which real and which other images."""
        real = self._joined("real", None)
        fewest = min(int(mask.sum()) for pair in pairs for mask in pair)
        needed = {"fid_judge": _PER_DIMENSION * real.shape[1], "kid_judge": 2}
        reasons: dict[str, str] = {}
        for name, distance, most in (("fid_judge", frechet, None), ("kid_judge", kernel, KERNEL_MOST)):
            if fewest < needed[name]:
                whose = "the evaluated images" if attribute is None else f"a value of {attribute}"
                reasons[prefix + name] = f"It needs {needed[name]} images of {whose}; there are {fewest}."
                continue
            for column, (first, second) in enumerate(pairs):
                rows = [_some(mask, most) for mask in (first, second)]
                values = _values(distance(real[rows[0]], fake[rows[1]]), rows, len(self._data))
                chosen = np.flatnonzero(~np.isnan(values))
                table.put(prefix + name, attribute, chosen, values[chosen], column=column, columns=len(pairs))
        return reasons

    def _put(self, kind: str, attribute: str | None, features: Tensor) -> None:
        self._features[kind, attribute].append(features.double().cpu())

    def _joined(self, kind: str, attribute: str | None) -> Tensor:
        return torch.cat(self._features[kind, attribute])


def _some(mask: Tensor, most: int | None) -> np.ndarray:
    """Rows that a mask chooses, or so many of them, evenly spread."""
    rows: np.ndarray = np.flatnonzero(mask.numpy())[spread(int(mask.sum()), most)]
    return rows


def _values(found: Distance, rows: list[np.ndarray], n: int) -> np.ndarray:
    """(n,) a value per image, of which the distance is the mean; NaN for images in neither set.

    A set's influences are divided by its size, times the number of images that say anything.
    """
    told = np.union1d(*rows)
    values = np.full(n, np.nan)
    values[told] = found.value
    for influences, where in zip(found[1:], rows, strict=True):
        values[where] += influences.numpy() * (len(told) / len(where))
    return values
