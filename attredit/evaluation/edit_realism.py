"""Whether edits look real where they are: the region that they change, beside the same region of real images.

The distance is KID (Bińkowski et al. 2018) in the judge's features, on a scale that anybody can read: 1 where it is as
between two halves of the real images that have the value asked for, which is 0 on average because the estimate is
unbiased, and 0 where it is that of the unedited images, which lack it. A classifier can be satisfied by a smudge; a set
of smudges is no set of smiles.

The features see neither blur nor fine patterns as a person does; how much detail there is says a figure of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.attributes import Attribute
from attredit.data.subset import spread
from attredit.editing.composite import blurred
from attredit.editing.editor import Editor
from attredit.evaluation.data import CHUNK, EvaluationData
from attredit.evaluation.distances import Distance, kernel
from attredit.evaluation.editing import Edits, Seen
from attredit.evaluation.judge import Judge
from attredit.evaluation.table import Table

# Most images of a value: they are kept until the region is known, and every pair of them is compared.
MOST = 1000
# Fewer images of a value say nothing of a set.
FEWEST = 10
# Of the largest mean change of a pixel: the region holds all pixels with as much.
_CHANGED = 0.25
# How much further the region reaches on each side, of its length: seams are beside what is pasted.
_MARGIN = 0.25
# Standard deviation in pixels of the blur that takes the finest detail away.
_FINEST = 1.0
# Smaller than this, of the image's side, a region is too few pixels to be read.
_LEAST = 0.25
# Standard deviations; one feature that has gone far must not outweigh all others.
_FAR = 3.0
# Standard errors by which images with and without the value must differ, or there is no scale.
_SURE = 2.0


class Window(NamedTuple):
    """A square of pixels."""

    top: int
    left: int
    side: int


class EditRealism:
    """Collects chunks, and scores the edits of all attributes when all have been seen.

    Args:
        editor: The model.
        data: What is evaluated.
    """

    def __init__(self, editor: Editor, data: EvaluationData) -> None:
        self._data, self._attributes = data, tuple(editor.schema)
        self._kept = {a.name: _Kept(data, a) for a in editor.schema}

    def see(self, seen: Seen, attribute: Attribute, edits: Edits) -> None:
        """Note a chunk's edits of one attribute."""
        self._kept[attribute.name].put(seen, edits)

    def score(self, table: Table) -> dict[str, str]:
        """Put all figures into a table; returns reasons for those that cannot be measured, by ``metric/attribute``."""
        reasons: dict[str, str] = {}
        for attribute in self._attributes:
            kept = self._kept[attribute.name]
            if not len(kept.rows):
                continue
            (real, *edited), (fine, *drawn) = kept.features(self._data.judge), kept.detail()
            for prefix, features, detail in zip(("", "composite_"), edited, drawn, strict=True):
                for suffix, values in _directions(attribute):
                    sets = _sets(kept.labels, len(attribute.values), values)
                    for metric, found in (
                        ("edit_realism", _realism(real, features, sets)),
                        ("edit_sharpness", sharpness(fine, detail, sets)),
                    ):
                        name = f"{prefix}{metric}{suffix}"
                        if isinstance(found, str):
                            reasons[f"{name}/{attribute.name}"] = found.format(attribute.name)
                        else:
                            table.put(name, attribute.name, kept.rows[np.isfinite(found)], found[np.isfinite(found)])
        return {table.named(name): reason for name, reason in reasons.items()}


class _Kept:
    """Up to `MOST` images of each value of an attribute, evenly spread, with their edits, in 8 bits."""

    def __init__(self, data: EvaluationData, attribute: Attribute) -> None:
        labels = data.labels[:, data.schema.index(attribute.name)].numpy()
        chosen = [np.flatnonzero(labels == value) for value in range(len(attribute.values))]
        self.rows = np.sort(np.concatenate([rows[spread(len(rows), MOST)] for rows in chosen]))
        self.labels = torch.from_numpy(labels[self.rows])
        geometry = data.store.geometry
        shape = (3, len(self.rows), geometry.channels, geometry.size, geometry.size)
        self._images = torch.zeros(shape, dtype=torch.uint8)
        self._change = torch.zeros(geometry.size, geometry.size)

    def put(self, seen: Seen, edits: Edits) -> None:
        """Note those of a chunk."""
        here = torch.from_numpy(np.flatnonzero(np.isin(seen.rows, self.rows)))
        places = torch.from_numpy(np.searchsorted(self.rows, seen.rows[here.numpy()]))
        for kind, images in enumerate((seen.images, edits.decoded, edits.composite)):
            self._images[kind, places] = (images[here] * 255).round().to(torch.uint8).cpu()
        self._change += (edits.decoded - edits.before)[here].abs().amax(1).sum(0).cpu()

    def features(self, judge: Judge) -> tuple[Tensor, Tensor, Tensor]:
        """(M, F) of the region of images, decoded and composite edits, in standard deviations of the images'."""
        where = window(self._change)
        real, decoded, composite = standardised(*(region_features(judge, images, where) for images in self._images))
        return real, decoded, composite

    def detail(self) -> tuple[Tensor, Tensor, Tensor]:
        """(M,) the finest detail of images, decoded and composite edits: what a blur takes where edits change much."""
        where, parts = _changed(self._change), []
        for images in self._images:
            chunks = [chunk.float() / 255.0 for chunk in torch.split(images, CHUNK)]
            fine = [(chunk - blurred(chunk, _FINEST)).abs().mean(1)[:, where].mean(1) for chunk in chunks]
            parts.append(torch.cat(fine).double())
        real, decoded, composite = parts
        return real, decoded, composite


def window(change: Tensor) -> Window:
    """The square that edits change, by the mean change of each pixel (H, W); the whole image where nothing changes."""
    side = len(change)
    if not change.any():
        return Window(0, 0, side)
    much = _changed(change)
    ends = [torch.nonzero(much.any(1 - axis))[[0, -1], 0] for axis in (0, 1)]
    longest = max(int(last - first) + 1 for first, last in ends)
    wanted = min(side, max(math.ceil((1 + 2 * _MARGIN) * longest), math.ceil(_LEAST * side)))
    top, left = (min(max(0, (int(first + last) + 1 - wanted) // 2), side - wanted) for first, last in ends)
    return Window(top, left, wanted)


def _changed(change: Tensor) -> Tensor:
    """(H, W) where edits change much, by the mean change of each pixel (H, W)."""
    return change >= _CHANGED * change.max()


def region_features(judge: Judge, images: Tensor, where: Window) -> Tensor:
    """(M, F) of a region of images (M, C, H, W) uint8, enlarged to the size that the judge knows."""
    parts = []
    for chunk in torch.split(images, CHUNK):
        region = chunk[:, :, where.top : where.top + where.side, where.left : where.left + where.side].float() / 255.0
        enlarged = F.interpolate(region, images.shape[-2:], mode="bilinear", align_corners=False)
        parts.append(judge.features(enlarged).float().cpu())
    return torch.cat(parts)


def standardised(real: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Features (..., F), all in standard deviations of those of real images (M, F) from their mean, clipped."""
    middle, scale = real.mean(0), real.std(0, correction=0).clamp(min=torch.finfo(real.dtype).eps)
    return tuple(((features - middle) / scale).clamp(-_FAR, _FAR) for features in (real, *others))


def _directions(attribute: Attribute) -> list[tuple[str, tuple[int, ...]]]:
    """Suffixes of figures, and to which values the edits are that each is of."""
    everything = ("", tuple(range(len(attribute.values))))
    return [everything, ("_off", (0,)), ("_on", (1,))] if attribute.binary else [everything]


def _sets(labels: Tensor, count: int, values: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """(M,) which images are edited to each of some values, and which have it, by the images' own labels (M,)."""
    return [(labels == (value - 1) % count, labels == value) for value in values]


def _realism(real: Tensor, edited: Tensor, sets: list[tuple[Tensor, Tensor]]) -> np.ndarray | str:
    """(M,) a value per image, of which the realism is the mean, NaN where an image says nothing; or why there is none.

    One minus the distance of the edits by that of the unedited images, each summed over values that are edited to; by
    their influences, every image says how much it moves the quotient.

    Args:
        real: (M, F) of the images.
        edited: (M, F) of their edits, each to the next value.
        sets: See `_sets`.
    """
    if (few := _too_few(sets)) is not None:
        return few
    found = [(kernel(edited[old], real[new]), kernel(real[old], real[new])) for old, new in sets]
    distance, scale = (sum(pair[i].value for pair in found) for i in (0, 1))
    if scale <= _SURE * math.sqrt(sum(_variance(apart) for _, apart in found)):
        return "In the region that edits of {} change, the judge sees no difference of images with and without it."
    told = torch.stack([mask for pair in sets for mask in pair]).any(0)
    result = torch.full((len(real),), 1 - distance / scale, dtype=torch.float64).masked_fill(~told, math.nan)
    for (old, new), (mine, apart) in zip(sets, found, strict=True):
        for mask, a, b in ((old, mine.first, apart.first), (new, mine.second, apart.second)):
            result[mask] += (b * distance / scale - a) / scale * (told.sum() / mask.sum())
    return result.numpy()


def sharpness(real: Tensor, edited: Tensor, sets: list[tuple[Tensor, Tensor]]) -> np.ndarray | str:
    """(M,) as of `_realism`: mean detail (M,) of the edits by that of real images; the mean over values.

    A quotient of means, to which every image adds its influence.
    """
    if (few := _too_few(sets)) is not None:
        return few
    told = torch.stack([mask for pair in sets for mask in pair]).any(0)
    result = torch.zeros(len(real), dtype=torch.float64).masked_fill(~told, math.nan)
    for old, new in sets:
        mine, other = edited[old].mean(), real[new].mean()
        if not other:
            return "Real images that have a value of {} are flat in the region that edits change."
        ratio, share = mine / other, told.sum() / len(sets)
        result += ratio / len(sets)
        result[old] += (edited[old] - mine) / other * (share / old.sum())
        result[new] -= ratio * (real[new] - other) / other * (share / new.sum())
    return result.numpy()


def _too_few(sets: list[tuple[Tensor, Tensor]]) -> str | None:
    """Why sets are too small, if they are."""
    fewest = min(int(mask.sum()) for pair in sets for mask in pair)
    return None if fewest >= FEWEST else f"It needs {FEWEST} images of a value of {{}}; there are {fewest}."


def _variance(distance: Distance) -> float:
    """Of a distance, from the influences of both sets."""
    return sum(float(influences.var()) / len(influences) for influences in distance[1:])
