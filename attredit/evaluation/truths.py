"""True counterfactuals as a data source of their own, so that they are drawn once and kept like any prepared images."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attredit.data import Geometry, Store, prepare
from attredit.errors import PluginError
from attredit.progress import Progress

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor

    from attredit.data.source import CounterfactualSource
    from attredit.evaluation.data import EvaluationData


@dataclass(frozen=True)
class Truths:
    """What edits of some images should give.

    Attributes:
        images: (M,) which of the evaluated images, ascending.
        styles: S, how many truths each of them has.
        store: (M * S, H, W, C), all truths of an image one after the other.
    """

    images: NDArray[np.int64]
    styles: int
    store: Store

    def of(self, images: NDArray[np.int64]) -> Tensor:
        """(B, S, C, H, W) in [0, 1]: those of some of `images`."""
        first = np.searchsorted(self.images, images)[:, None] * self.styles
        found = self.store.batch((first + np.arange(self.styles)).ravel())
        return found.view(len(images), self.styles, *found.shape[1:]).float() / 255.0


def truths_of(
    data: EvaluationData,
    images: NDArray[np.int64],
    name: str,
    to: int,
    styles: int,
    progress: Progress,
) -> Truths:
    """The truths of some of the evaluated images: from the cache, or drawn now.

    Args:
        data: What is evaluated; its source can draw counterfactuals.
        images: (M,) which of its images, ascending; at least one.
        name: The edited attribute.
        to: The label that it is given.
        styles: How many truths an image has at most.
        progress: Told of (images done, images in all).

    Raises:
        PluginError: what the source draws is no such image.
        DataError: the source fails to draw.
        RunError: the cache cannot be written or is full, or a process died.
    """
    drawn, geometry = _Drawn(data, data.rows[images], name, to, styles), data.store.geometry
    store = prepare(
        drawn,
        drawn.splits[0],
        Geometry(geometry.size, geometry.channels, "none"),
        name=data.store.name,
        progress=lambda done, total: progress(done * len(images) // total, len(images)),
        strict=True,
    )
    return Truths(images, len(store) // len(images), store)


class _Drawn:
    """The data source, with one split: what is edited, and how."""

    def __init__(self, data: EvaluationData, rows: NDArray[np.int64], name: str, to: int, most: int) -> None:
        self.schema = data.schema.select([name])
        self.splits: tuple[str, ...] = (f"{data.split}_{re.sub('[^A-Za-z0-9]+', '_', name)}_{to}",)
        self.channels = data.store.geometry.channels
        self._shape = data.store.images.shape[1:]
        self._source: CounterfactualSource = data.source  # type: ignore[assignment]  # the caller has made sure
        self._split, self._rows, self._name, self._to, self._most = data.split, rows.tolist(), name, to, most
        self._facts = [data.source.fingerprint(data.split), self._rows, name, to, most]

    def fingerprint(self, split: str) -> str:
        """Of the images, and of what is done to which of them."""
        return hashlib.sha256(json.dumps(self._facts).encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """All truths; a row is drawn when it is read."""
        from datasets import Dataset

        # How many the source has, it tells by drawing.
        styles = self._draw(self._rows[:1]).shape[1]
        numbers = np.arange(len(self._rows) * styles)
        columns = {"image": numbers, self._name: np.full_like(numbers, self._to)}
        return Dataset.from_dict(columns).with_transform(partial(self._paint, styles))

    def _paint(self, styles: int, rows: dict[str, Any]) -> dict[str, Any]:
        """Rows with an image instead of its number; all styles of one are drawn together."""
        if "image" not in rows:
            return rows
        place, style = np.divmod(np.asarray(rows["image"]), styles)
        places, inverse = np.unique(place, return_inverse=True)
        drawn = self._draw([self._rows[i] for i in places])
        return rows | {"image": list(drawn[inverse, style])}

    def _draw(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """(B, S, H, W, C)."""
        drawn = np.asarray(self._source.counterfactual(self._split, rows, {self._name: self._to}, self._most))
        if drawn.dtype != np.uint8 or drawn.ndim != 5 or len(drawn) != len(rows) or drawn.shape[2:] != self._shape:
            raise PluginError(
                f"The data source's counterfactuals are {drawn.dtype} {drawn.shape}.",
                f"They must be uint8 of shape ({len(rows)}, styles, {', '.join(map(str, self._shape))}).",
            )
        return drawn
