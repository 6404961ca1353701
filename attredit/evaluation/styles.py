"""Whether a model's styles are different ones, and whether it puts on the very style of another image.

Six kept styles of glasses on one face should differ as glasses do: their distances, in the judge's features of the
region that edits change, are compared with those between real images that have the attribute. Those are of different
people, so 1 is more than styles alone can reach: what can be reached, a source may be able to draw, and what `like`
should give, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, Attribute
from attredit.data.source import CounterfactualSource, TransferSource
from attredit.data.subset import spread
from attredit.editing.editor import Editor
from attredit.errors import PluginError
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.edit_realism import region_features, standardised, window
from attredit.evaluation.editing import Seen, squared_error
from attredit.evaluation.leakage import STYLE_LEAKAGE
from attredit.evaluation.table import Table
from attredit.evaluation.truths import truths_of
from attredit.progress import silent

# How many kept styles are put on each of how many images, and how many real images they are compared with.
STYLES, MOST, REAL = 6, 60, 200
KEPT, TRUE = ("style_spread", "style_edit_success"), "style_spread_true"
LIKE = ("style_counterfactual_mse", "composite_style_counterfactual_mse", "style_copy_mse")


class Styles:
    """Collects images in several styles, and scores them when all have been seen.

    Args:
        editor: The model.
        data: What is evaluated.
    """

    def __init__(self, editor: Editor, data: EvaluationData) -> None:
        self._model, self._data = editor.model, data
        known = dict(zip(editor.schema.names, editor.model.known.count.tolist(), strict=True))
        self._worn = {
            a.name: _Worn(data, a, min(STYLES, known[a.name])) for a in editor.schema if a.name in editor.model.wearable
        }

    def see(self, seen: Seen, attribute: Attribute, table: Table) -> None:
        """Put styles on those of a chunk's images that lack the attribute, and score what can be scored at once."""
        if (worn := self._worn.get(attribute.name)) is None:
            return
        rows = torch.from_numpy(np.flatnonzero(np.isin(seen.rows, worn.rows)))
        if not len(rows):
            return
        own, name = seen[rows.to(seen.images.device)], attribute.name
        column = self._data.schema.index(name)
        asked, hits = torch.ones_like(own.labels[:, column]), []
        usual = self._model.usual(own.code, {name: 1})
        for style in range(1, worn.count + 1):
            edit = self._model.edit(own.code, {name: 1}, style=style, usual=usual)
            images = self._model.composite(own.images, edit)
            hits.append(self._data.judge.obeyed(images, self._data.judge.look(images), column, asked).float())
            worn.put(own.rows, style - 1, images, edit.change)
        table.put("style_edit_success", name, own.rows, torch.stack(hits).mean(0))
        if isinstance(self._data.source, TransferSource):
            self._like(own, name, worn, table)

    def score(self, table: Table) -> None:
        """Put in how different the styles are, where there are several, and several real images; and true ones."""
        source = self._data.source
        true, transfers = isinstance(source, CounterfactualSource), isinstance(source, TransferSource)
        for name, worn in self._worn.items():
            for metric in (*KEPT, *([TRUE] if true else []), *(LIKE if transfers else [])):
                # Known of, even when no image can be scored.
                table.put(metric, name, worn.rows[:0], np.empty(0))
            if worn.count > 1 and len(worn.having) > 1 and len(worn.rows):
                sets = {"style_spread": worn.images}
                if true:
                    truths = truths_of(self._data, worn.rows, name, 1, worn.count, silent)
                    if truths.styles > 1:
                        sets[TRUE] = (truths.of(worn.rows) * 255).round().to(torch.uint8)
                for metric, apart in worn.apart(self._data, sets).items():
                    table.put(metric, name, worn.rows, apart)

    def _like(self, seen: Seen, name: str, worn: _Worn, table: Table) -> None:
        """Score edits in the style of other images against what the source draws.

        Raises:
            PluginError: what it draws is no such image.
        """
        if not len(worn.having):
            return
        donors = worn.having[np.searchsorted(worn.rows, seen.rows) % len(worn.having)]
        rows, split = self._data.rows, self._data.split
        drawn = np.asarray(self._data.source.transferred(split, rows[seen.rows], rows[donors], name))  # type: ignore[attr-defined]
        given = self._data.images(self._data.indices[donors]).to(seen.images.device)
        shape = (len(given), *given.shape[2:], given.shape[1])
        if drawn.dtype != np.uint8 or drawn.shape != shape:
            raise PluginError(f"The data source transfers {name} as {drawn.dtype} {drawn.shape}, not uint8 {shape}.")
        truth = torch.from_numpy(drawn).to(given.device).permute(0, 3, 1, 2).float() / 255.0
        edit = self._model.edit(seen.code, {name: 1}, like=self._model.encode(given))
        composite = self._model.composite(seen.images, edit)
        for metric, images in zip(LIKE, (edit.after, composite, seen.images), strict=True):
            table.put(metric, name, seen.rows, squared_error(images, truth))


class _Worn:
    """Images of one attribute: some that lack it, in so many styles, and which others have it."""

    def __init__(self, data: EvaluationData, attribute: Attribute, count: int) -> None:
        self.count = count
        labels = data.labels[:, data.schema.index(attribute.name)].numpy()
        lacking, having = (np.flatnonzero((labels != MISSING) & (labels == value)) for value in (0, 1))
        self.rows, self.having = lacking[spread(len(lacking), MOST)], having[spread(len(having), REAL)]
        size, channels = data.store.geometry.size, data.store.geometry.channels
        self.images = torch.zeros(len(self.rows), count, channels, size, size, dtype=torch.uint8)
        self._change = torch.zeros(size, size)

    def put(self, rows: np.ndarray, style: int, images: Tensor, change: Tensor) -> None:
        """Note images in one style."""
        self.images[np.searchsorted(self.rows, rows), style] = (images * 255).round().to(torch.uint8).cpu()
        self._change += change.sum((0, 1)).cpu()

    def apart(self, data: EvaluationData, sets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(M,) how different images (M, count, C, H, W) of each set are beside real ones, where edits change them."""
        where, found = window(self._change), {}
        having = (data.images(data.indices[self.having]) * 255).round().to(torch.uint8)
        real = region_features(data.judge, having, where)
        for name, images in sets.items():
            first, other = standardised(real, region_features(data.judge, images.flatten(0, 1), where))
            found[name] = _pairs(other.view(*images.shape[:2], -1)) / _pairs(first[None]).mean()
        return found


def _pairs(features: Tensor) -> Tensor:
    """(M,) mean distance between any two of (M, K, F)."""
    count = features.shape[1]
    return torch.cdist(features, features).sum((1, 2)) / (count * (count - 1))


def unmeasurable(editor: Editor, data: EvaluationData) -> dict[str, str]:
    """Why some of this cannot be measured, by metric."""
    if not editor.model.wearable:
        return dict.fromkeys((*KEPT, TRUE, *LIKE, STYLE_LEAKAGE), "The model keeps no styles.")
    reasons = {}
    if not isinstance(data.source, CounterfactualSource):
        reasons[TRUE] = "The data set cannot draw true edits."
    if not isinstance(data.source, TransferSource):
        reasons |= dict.fromkeys(LIKE, "The data set cannot draw one image's style on another.")
    return reasons
