"""The judge: two classifiers of all of a source's attributes that no evaluated model has seen or been trained against.

They have different architectures and are trained once, on disjoint halves of the training split; see
`attredit.evaluation.cached`. What a model has learnt to show one reader, the other need not see: an edit is as asked if
both say so, of the edit and of slightly damaged copies of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, AttributeSchema
from attredit.data import Store
from attredit.data.degrading import degraded
from attredit.evaluation.cached import hash_of, kept
from attredit.evaluation.judge_networks import JudgePair
from attredit.evaluation.judge_training import VERSION, JudgeSettings, fit_judges, untrained_judges
from attredit.progress import Progress, silent

# Whoever is so sure is sure enough, however rare a value is; and what either judge gives less than this is denied.
_SURE, _UNLIKELY = 0.95, 0.25


@dataclass(frozen=True)
class Reading:
    """What the judge makes of B images.

    Attributes:
        labels: (B, n) int64, in schema order, as the logits say.
        verdicts: (2, B, n) int64, each judge's own labels.
        logits: (B, A), mean of both.
        features: (B, F) of the second's last layer, averaged over places.
        maps: (B, C, h, w) of every layer of the first.
    """

    labels: Tensor
    verdicts: Tensor
    logits: Tensor
    features: Tensor
    maps: tuple[Tensor, ...]

    @property
    def agreed(self) -> Tensor:
        """(B, n) labels; `MISSING` where the two disagree."""
        first, second = self.verdicts
        return torch.where(first == second, first, MISSING)

    def __getitem__(self, rows: Tensor) -> Reading:
        maps = tuple(m[rows] for m in self.maps)
        return Reading(self.labels[rows], self.verdicts[:, rows], self.logits[rows], self.features[rows], maps)

    def clone(self) -> Reading:
        """A copy that can be written to."""
        maps = tuple(m.clone() for m in self.maps)
        return Reading(self.labels.clone(), self.verdicts.clone(), self.logits.clone(), self.features.clone(), maps)

    def put(self, rows: Tensor, other: Reading) -> None:
        """Overwrite some rows."""
        self.labels[rows], self.logits[rows], self.features[rows] = other.labels, other.logits, other.features
        self.verdicts[:, rows] = other.verdicts
        for mine, theirs in zip(self.maps, other.maps, strict=True):
            mine[rows] = theirs


class Judge:
    """Reads attributes of images.

    Args:
        network: Both judges.
        schema: The attributes.
        hash: Identifies how and on what they were trained.
        device: Where they are.
        usual: (n,) share of the most frequent value of each attribute; 1 / 2 of all when None.
    """

    def __init__(
        self,
        network: JudgePair,
        schema: AttributeSchema,
        hash: str,
        device: torch.device,
        usual: Sequence[float] | None = None,
    ) -> None:
        self.network, self.schema, self.hash, self.device = network.eval(), schema, hash, device
        self.usual = [0.5] * len(schema) if usual is None else list(usual)

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, A), A as in `AttributeSchema`: the mean of both judges'."""
        logits: Tensor = self.network(self._placed(images)).mean(0)
        return logits

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to the second judge's features (B, F), which no term trains against."""
        features: Tensor = self.network.second.look(self._placed(images))[1]
        return features

    def read(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to labels (B, n), int64, in schema order; `MISSING` where the two disagree."""
        return self.look(images).agreed

    @torch.inference_mode()
    def look(self, images: Tensor) -> Reading:
        """Everything that the judge makes of images (B, C, H, W) in [0, 1], in one pass of each of the two."""
        placed = self._placed(images)
        (one, maps), (other, features) = self.network.first.look(placed), self.network.second.look(placed)
        logits, verdicts = (one + other) / 2, torch.stack([self._labels(one), self._labels(other)])
        return Reading(self._labels(logits), verdicts, logits, features, maps)

    @torch.inference_mode()
    def obeyed(self, images: Tensor, judged: Reading, column: int, asked: Tensor) -> Tensor:
        """(B,) whether the judges stand by it that images show what was asked, damaged a little or not.

        Each judge's logits of an image and its damaged copies are averaged: what holds only where nothing is touched is
        gone in most of them, and what is there does not fail for the one copy that is hard to read. Together they must
        read what was asked, and be surer of it than whoever always says the most frequent value may be: what is about
        as likely to be seen without the attribute is no edit. And neither may hold it for unlikely, so that no pattern
        wins that one of them alone falls for.

        Args:
            images: (B, C, H, W) in [0, 1].
            judged: What the judge made of them.
            column: Of the attribute, in schema order.
            asked: (B,) wanted labels of it.
        """
        obeyed = torch.zeros_like(asked, dtype=torch.bool)
        # What neither sees as it is, neither is asked about again.
        rows = (judged.verdicts[:, :, column] == asked).any(0).nonzero()[:, 0]
        if len(rows):
            views, wanted = [images[rows], *degraded(images[rows])], asked[rows]
            logits = torch.stack([self.network(self._placed(view)) for view in views]).mean(0)
            together = logits.mean(0)
            obeyed[rows] = (self._labels(together)[:, column] == wanted) & (
                self._chances(together, column, wanted) > self.usual[column]
            )
            for own in logits:
                obeyed[rows] &= self._chances(own, column, wanted) > _UNLIKELY
        return obeyed

    def _chances(self, logits: Tensor, column: int, asked: Tensor) -> Tensor:
        """(B,) probability that logits (B, A) give one value (B,) of an attribute."""
        own = self.schema.probabilities(logits)[:, self.schema.columns[column]]
        found = self.schema.attributes[column].shares(own)
        return found.gather(1, asked.long()[:, None])[:, 0]

    def _labels(self, logits: Tensor) -> Tensor:
        return self.schema.decode(self.schema.probabilities(logits))

    def _placed(self, images: Tensor) -> Tensor:
        return images.to(self.device).contiguous(memory_format=torch.channels_last)


def judge_of(
    store: Store,
    *,
    cache: Path,
    device: torch.device,
    settings: JudgeSettings | None = None,
    progress: Progress = silent,
) -> Judge:
    """The judge of a training split: from the cache, or trained now.

    Args:
        store: The prepared training split.
        cache: Directory that holds ``judges/``.
        device: Where to train and to read.
        settings: How to train.
        progress: Told of (steps done, steps in all) while training.

    Raises:
        DataError: the images are too few.
        RunError: the cached judge is damaged, or the cache cannot be written.
    """
    settings = settings or JudgeSettings()
    network = kept(
        cache / "judges",
        "judge",
        _facts(store, settings),
        trained=lambda: fit_judges(store.schema, store, settings, device, progress),
        untrained=lambda: untrained_judges(store.schema, store, settings),
        device=device,
    )
    return Judge(network, store.schema, judge_hash(store, settings), device, usual_shares(store))


def usual_shares(store: Store) -> list[float]:
    """(n,) share of the most frequent value of each attribute among a store's labels, up to .95.

    Whoever is .95 sure is sure enough, however rare a value is.
    """
    labels = np.asarray(store.labels)
    known = [column[column != MISSING] for column in labels.T]
    return [min(float(np.bincount(column).max()) / len(column), _SURE) if len(column) else 0.5 for column in known]


def judge_hash(store: Store, settings: JudgeSettings) -> str:
    """Hex digest of everything that decides what the judge becomes."""
    return hash_of(_facts(store, settings))


def _facts(store: Store, settings: JudgeSettings) -> dict[str, Any]:
    return {
        "version": VERSION,
        "data": store.fingerprint,
        "shape": list(store.images.shape),
        "attributes": store.schema.to_json(),
        "settings": dataclasses.asdict(settings),
    }
