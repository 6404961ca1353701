"""How far edits and samples are, as a set, from real images, in the judge's features and in Inception's.

Edits to a value are compared with real images of that value, as StarGAN v2 (Choi et al. 2020) does; the figure is the
mean over values. Samples, decoded from the prior with the evaluated images' labels, are compared with all of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, Attribute
from attredit.data.subset import spread
from attredit.editing.editor import Editor
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.distances import KERNEL_MOST, Distance, frechet, kernel
from attredit.evaluation.editing import Edits, Seen
from attredit.evaluation.table import Table
from attredit.rows import noise

JUDGE, INCEPTION = "_judge", ""  # what the names of distances in their features end with
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
        self._eyes = (JUDGE,) if data.inception is None else (JUDGE, INCEPTION)
        # (N, D) by kind of image; zeros for what was not edited.
        self._features: dict[tuple[str, str, str | None], Tensor] = {}
        # (N,) what each image was edited to, by attribute; MISSING where it was not, for want of a label.
        self._asked = {a.name: torch.full((len(data),), MISSING) for a in editor.schema}

    def see(self, seen: Seen) -> None:
        """Note a chunk's real images, and draw as many samples, if the latent has a prior."""
        self._put("real", None, seen, seen.judged.features, seen.images)
        if self._editor.config.recipe.prior is None:
            return
        z = noise(_SEED, int(seen.rows[0]), "evaluate/samples", tuple(seen.code.mean.shape)).to(seen.images.device)
        columns = [self._data.schema.index(name) for name in self._editor.schema.names]
        attrs = self._editor.schema.encode(seen.labels[:, columns])
        attrs = torch.where(attrs.isnan(), seen.before, attrs)
        samples = self._editor.model.draw(z, attrs, None)
        self._put("sample_", None, seen, self._data.judge.look(samples).features, samples)

    def see_edits(self, seen: Seen, attribute: Attribute, edits: Edits) -> None:
        """Note a chunk's edits of one attribute."""
        self._put("", attribute.name, seen, edits.judged.features, edits.decoded)
        self._put("composite_", attribute.name, seen, edits.judged_composite.features, edits.composite)
        self._asked[attribute.name][torch.from_numpy(seen.rows)] = edits.asked.cpu()

    def judged(self, kind: str, attribute: str | None = None) -> Tensor:
        """(N, D) the judge's features of the "real" images, or of one attribute's decoded or "composite_" edits."""
        return self._features[JUDGE, kind, attribute]

    def score(self, table: Table) -> dict[str, str]:
        """Put all distances into a table; returns reasons for those that cannot be measured."""
        reasons: dict[str, str] = {}
        for eye in self._eyes:
            reasons.update(self._score_through(eye, table))
        return {table.named(name): reason for name, reason in reasons.items()}

    def _score_through(self, eye: str, table: Table) -> dict[str, str]:
        """All distances in one network's features."""
        reasons: dict[str, str] = {}
        if (eye, "sample_", None) in self._features:
            everything = torch.ones(len(self._data), dtype=torch.bool)
            reasons.update(self._score(eye, "sample_", None, [(everything, everything)], table))
        else:
            samples = (f"sample_{name}{eye}" for name in ("fid", "kid"))
            reasons.update(dict.fromkeys(samples, "The latent has no prior to sample from."))
        for attribute in self._editor.schema:
            labels = self._data.labels[:, self._data.schema.index(attribute.name)]
            asked = self._asked[attribute.name]
            pairs = [(labels == value, asked == value) for value in range(len(attribute.values))]
            for prefix in ("", "composite_"):
                for name, reason in self._score(eye, prefix, attribute.name, pairs, table).items():
                    reasons[f"{name}/{attribute.name}"] = reason
        return reasons

    def _score(
        self, eye: str, prefix: str, attribute: str | None, pairs: list[tuple[Tensor, Tensor]], table: Table
    ) -> dict[str, str]:
        """Both distances, mean over pairs of sets; each pair is (N,) which real and which other images."""
        real = self._features[eye, "real", None]
        fewest = min(int(mask.sum()) for pair in pairs for mask in pair)
        reasons: dict[str, str] = {}
        for metric, distance, most, needed in (
            ("fid", frechet, None, _PER_DIMENSION * real.shape[1]),
            ("kid", kernel, KERNEL_MOST, 2),
        ):
            name = f"{metric}{eye}"
            if fewest < needed:
                whose = "the evaluated images" if attribute is None else f"a value of {attribute}"
                reasons[prefix + name] = f"It needs {needed:,} images of {whose}; there are {fewest:,}."
                continue
            for column, (first, second) in enumerate(pairs):
                rows = [_some(mask, most) for mask in (first, second)]
                fake = self._features[eye, prefix, attribute]
                values = _values(distance(real[rows[0]], fake[rows[1]]), rows, len(self._data))
                chosen = np.flatnonzero(~np.isnan(values))
                table.put(prefix + name, attribute, chosen, values[chosen], column=column, columns=len(pairs))
        return reasons

    def _put(self, kind: str, attribute: str | None, seen: Seen, judged: Tensor, images: Tensor) -> None:
        """Note a chunk's features: the judge's, known already, and Inception's of the images."""
        found = {JUDGE: judged}
        if self._data.inception is not None:
            found[INCEPTION] = self._data.inception.features(images)
        for eye, features in found.items():
            of = self._features.setdefault((eye, kind, attribute), torch.zeros(len(self._data), features.shape[1]))
            of[torch.from_numpy(seen.rows)] = features.float().cpu()


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
