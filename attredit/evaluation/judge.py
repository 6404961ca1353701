"""The judge: a classifier of all of a source's attributes that no evaluated model has seen or been trained against.

It is trained once on the training split and kept in the cache; see `attredit.evaluation.cached`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from attredit.attributes import AttributeSchema
from attredit.evaluation.cached import hash_of, kept
from attredit.evaluation.judge_training import VERSION, JudgeNetwork, JudgeSettings, fit, untrained

if TYPE_CHECKING:
    from attredit.data import Store

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Reading:
    """What the judge makes of B images.

    Attributes:
        labels: (B, n) int64, in schema order.
        logits: (B, A).
        features: (B, D) of its last layer, averaged over places.
        maps: (B, C, h, w) of every layer.
    """

    labels: Tensor
    logits: Tensor
    features: Tensor
    maps: tuple[Tensor, ...]

    def __getitem__(self, rows: Tensor) -> Reading:
        return Reading(self.labels[rows], self.logits[rows], self.features[rows], tuple(m[rows] for m in self.maps))

    def clone(self) -> Reading:
        """A copy that can be written to."""
        return Reading(
            self.labels.clone(), self.logits.clone(), self.features.clone(), tuple(m.clone() for m in self.maps)
        )

    def put(self, rows: Tensor, other: Reading) -> None:
        """Overwrite some rows."""
        self.labels[rows], self.logits[rows], self.features[rows] = other.labels, other.logits, other.features
        for mine, theirs in zip(self.maps, other.maps, strict=True):
            mine[rows] = theirs


class Judge:
    """Reads attributes of images.

    Args:
        network: Looks at images.
        schema: The attributes.
        hash: Identifies how and on what it was trained.
        device: Where it is.
    """

    def __init__(self, network: JudgeNetwork, schema: AttributeSchema, hash: str, device: torch.device) -> None:
        self.network, self.schema, self.hash, self.device = network.eval(), schema, hash, device

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, A), A as in `AttributeSchema`."""
        logits: Tensor = self.network(self._placed(images))
        return logits

    @torch.inference_mode()
    def look(self, images: Tensor) -> Reading:
        """Everything that the judge makes of images (B, C, H, W) in [0, 1], in one pass."""
        logits, features, maps = self.network.look(self._placed(images))
        return Reading(self.schema.decode(self.schema.probabilities(logits)), logits, features, maps)

    def read(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to labels (B, n), int64, in schema order."""
        return self.schema.decode(self.schema.probabilities(self.logits(images)))

    def _placed(self, images: Tensor) -> Tensor:
        return images.to(self.device).contiguous(memory_format=torch.channels_last)


def judge_of(
    store: Store,
    *,
    cache: Path,
    device: torch.device,
    settings: JudgeSettings | None = None,
    progress: Progress | None = None,
) -> Judge:
    """The judge of a training split: from the cache, or trained now.

    Args:
        store: The prepared training split.
        cache: Directory that holds ``judges/``.
        device: Where to train and to read.
        settings: How to train.
        progress: Told of (steps done, steps in all) while training.

    Raises:
        RunError: the cached judge is damaged, or the cache cannot be written.
    """
    settings = settings or JudgeSettings()
    network = kept(
        cache / "judges",
        "judge",
        _facts(store, settings),
        trained=lambda: fit(store.schema, store, settings, device, progress or (lambda done, total: None)),
        untrained=lambda: untrained(store.schema, store, settings),
        device=device,
    )
    return Judge(network, store.schema, judge_hash(store, settings), device)


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
