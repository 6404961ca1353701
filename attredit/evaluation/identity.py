"""Identity: a network that tells faces apart whatever their attributes, and what it says of edits.

It is trained to find each image's partner among the batch's (InfoNCE, van den Oord et al. 2018, with cosines). Of drawn
faces a partner is the same face with all attributes drawn anew; those of a batch share their attributes, so attributes
are no help. Of photographs, see `persons.py`. It is kept in the cache like the judge.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.attributes import Attribute
from attredit.data import Store
from attredit.data.degrading import DamageLimits, randomly_damaged
from attredit.data.source import CounterfactualSource, DataSource
from attredit.data.subset import as_images, spread
from attredit.devices import seeded
from attredit.errors import DataError
from attredit.evaluation.cached import hash_of, kept
from attredit.evaluation.judge_networks import StridedNetwork, reduced
from attredit.evaluation.judge_training import JudgeSettings, descend, seen_size
from attredit.evaluation.persons import Persons, photographs, rows_by_person
from attredit.evaluation.table import Table
from attredit.progress import Progress, silent

VERSION = 2
# Who it is lies in details, also in those that a judge must do without.
_MILD = DamageLimits(blur=1.4, noise=0.02, light=0.1, contrast=0.1, shift=1.0, zoom=0.03, coarseness=0.0, hole=0.0)
_SEED = 20170711
NAMES = (
    "identity", "composite_identity", "identity_reconstruction", "identity_true", "identity_true_on", "identity_other",
)  # fmt: skip
SAME = "identity_same"
NOT_ASKED = "It takes a network of its own: attredit evaluate --full."


@dataclass(frozen=True)
class IdentitySettings:
    """How an identity network is built and trained; part of its hash.

    Attributes:
        dim: E, of the embedding.
        faces: Most training images that partners are drawn for.
        steps: Of the optimiser.
        batch_size: Faces that each is told apart from, itself among them.
        temperature: Of the softmax over cosines.
        lr: Peak of the one-cycle learning rate.
        trunk: The network below the embedding, and how images are changed while training.
    """

    dim: int = 64
    faces: int = 4096
    steps: int = 800
    batch_size: int = 64
    temperature: float = 0.1
    lr: float = 0.005
    trunk: JudgeSettings = field(default_factory=lambda: JudgeSettings(augmentation=_MILD))


class Identity:
    """Measures cosine distances between faces.

    Args:
        network: Images (B, C, H, W) in [0, 1] to (B, E).
        hash: Identifies how and on what it was trained.
    """

    def __init__(self, network: torch.nn.Module, hash: str) -> None:
        self.network, self.hash = network.eval(), hash
        self._last: Tensor | None = None
        self._seen: dict[str, Tensor] = {}
        # Of all evaluated images, where the data say whom they show.
        self.persons: Sequence[str | None] | None = None

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """(B, E) of length 1, of images (B, C, H, W) in [0, 1] on the network's device."""
        return F.normalize(self.network(images.contiguous(memory_format=torch.channels_last)), dim=1)

    def see(self, images: Tensor, reconstruction: Tensor, rows: np.ndarray, table: Table) -> Tensor:
        """Score a chunk's reconstructions and, as a scale, pairs of different faces; returns (B, E) of the images."""
        found = self.embed(images)
        table.put("identity_reconstruction", None, rows, _distance(found, self.embed(reconstruction)))
        # Each face beside the one before it, the first of all beside none.
        before = found[:0] if self._last is None else self._last
        pairs = torch.cat([before, found])
        beside = rows[len(found) - len(pairs) + 1 :]
        strangers = [self.persons is None or self.persons[row] != self.persons[row - 1] for row in beside]
        distances = _distance(pairs[1:], pairs[:-1])[torch.tensor(strangers, dtype=torch.bool)]
        table.put("identity_other", None, beside[np.array(strangers, bool)], distances)
        self._last = found[-1:]
        if self.persons is not None:
            self._same(found, rows, self.persons, table)
        return found

    def _same(self, found: Tensor, rows: np.ndarray, persons: Sequence[str | None], table: Table) -> None:
        """Score each image beside the one before it of the same person, as a scale."""
        pairs = []
        for embedding, row in zip(found, rows, strict=True):
            if (person := persons[row]) is not None:
                if person in self._seen:
                    pairs.append((row, float(1 - embedding @ self._seen[person])))
                self._seen[person] = embedding
        known = np.array(pairs).reshape(-1, 2)
        table.put(SAME, None, known[:, 0].astype(np.int64), known[:, 1])

    def score(
        self, found: Tensor, decoded: Tensor, composite: Tensor, attribute: Attribute, rows: np.ndarray, table: Table
    ) -> None:
        """Score a chunk's edits of one attribute against its images' embeddings (B, E)."""
        table.put("identity", attribute.name, rows, _distance(found, self.embed(decoded)))
        table.put("composite_identity", attribute.name, rows, _distance(found, self.embed(composite)))

    def score_truths(
        self, images: Tensor, truths: Tensor, attribute: Attribute, rows: np.ndarray, name: str, table: Table
    ) -> None:
        """Score true counterfactuals (B, C, H, W) of images: what a perfect edit would have."""
        table.put(name, attribute.name, rows, _distance(self.embed(images), self.embed(truths)))


def identity_of(
    store: Store,
    source: DataSource,
    persons: Persons | None = None,
    *,
    cache: Path,
    device: torch.device,
    settings: IdentitySettings | None = None,
    progress: Progress = silent,
) -> Identity:
    """The identity network of a training split: from the cache, or trained now.

    Args:
        store: The prepared training split.
        source: Draws its faces with other attributes; or knows who is in the other splits.
        persons: Of each row of the source's training split, of photographs of which that is known.
        cache: Directory that holds ``identities/``.
        device: Where to train and to measure.
        settings: How to train.
        progress: Told of (done, total): faces drawn, then steps.

    Raises:
        DataError: too few images, or too few persons have two photographs or more.
        RunError: what is in the cache is damaged, or cannot be written.
    """
    settings = settings or IdentitySettings()
    facts = {"version": VERSION, "data": store.fingerprint, "shape": list(store.images.shape)}
    if persons is None:
        drawing = cast(CounterfactualSource, source)
    else:
        groups = rows_by_person(store, source, persons, settings.batch_size)
        facts["persons"] = hashlib.sha256(json.dumps([group.tolist() for group in groups]).encode()).hexdigest()

    def trained() -> StridedNetwork:
        if persons is None:
            return fit_identity(store, drawing, settings, device, progress)
        return learn(store, settings, device, photographs(store, groups, settings.batch_size), progress)

    facts["settings"] = dataclasses.asdict(settings)
    network = kept(
        cache / "identities",
        "identity",
        facts,
        trained=trained,
        untrained=lambda: untrained_identity(store, settings),
        device=device,
    )
    return Identity(network, hash_of(facts))


def untrained_identity(store: Store, settings: IdentitySettings) -> StridedNetwork:
    """The network before training: the first judge's, with an embedding for logits."""
    with seeded(_SEED):
        size = seen_size(store, settings.trunk)
        return StridedNetwork(store.images.shape[3], size, settings.dim, settings.trunk.width)


def fit_identity(
    store: Store,
    source: CounterfactualSource,
    settings: IdentitySettings,
    device: torch.device,
    progress: Progress,
) -> StridedNetwork:
    """Train an identity network; see `identity_of`.

    Raises:
        DataError: fewer than two batches of images.
    """
    size, order = settings.batch_size, np.random.default_rng(_SEED)
    batches = len(spread(len(store), settings.faces)) // size
    if batches < 2:
        raise DataError(f"{len(store)} training images are too few to tell faces apart.", f"Use {2 * size} or more.")
    rows = spread(len(store), settings.faces)[: batches * size].reshape(batches, size)
    total = len(rows) + settings.steps
    partners = []
    for done, part in enumerate(rows):
        partners.append(_partners(store, source, part, order))
        progress(done + 1, total)

    def pairs() -> Tensor:
        which = int(order.integers(batches))
        return torch.cat([as_images(store, rows[which]), partners[which].float() / 255.0])

    return learn(store, settings, device, pairs, lambda done, _: progress(batches + done, total))


def learn(
    store: Store,
    settings: IdentitySettings,
    device: torch.device,
    pairs: Callable[[], Tensor],
    progress: Progress,
) -> StridedNetwork:
    """Train a network to find partners.

    Args:
        store: Of such images as it will see.
        settings: How.
        device: Where.
        pairs: The images of a step, (2 B, C, H, W): the partner of each of the first B is B places further.
        progress: Told of (steps done, steps in all).
    """
    size, generator = settings.batch_size, torch.Generator().manual_seed(_SEED)
    network = untrained_identity(store, settings)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]

    def loss(step: int) -> Tensor:
        views = pairs().to(device)
        views = randomly_damaged(reduced(views, network.size), settings.trunk.augmentation, generator)
        found = F.normalize(network(views.contiguous(memory_format=torch.channels_last)), dim=1)
        cosines = found[:size] @ found[size:].T / settings.temperature
        places = torch.arange(size, device=device)
        return (F.cross_entropy(cosines, places) + F.cross_entropy(cosines.T, places)) / 2

    descend(network, settings.lr, settings.steps, loss, progress)
    return network


def _partners(store: Store, source: CounterfactualSource, rows: np.ndarray, order: np.random.Generator) -> Tensor:
    """(B, C, H, W) uint8: faces of the training split with one set of attributes, drawn at random, on all of them."""
    wanted = {a.name: int(order.integers(len(a.values))) for a in store.schema}
    drawn = source.counterfactual("train", store.rows[rows].tolist(), wanted)
    return torch.from_numpy(np.ascontiguousarray(drawn[:, 0])).permute(0, 3, 1, 2)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """(B,) cosine distances, 0 to 2, of rows of length 1."""
    return 1 - (a * b).sum(1)
