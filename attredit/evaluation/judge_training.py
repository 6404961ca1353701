"""How the judges are trained. Whatever changes a trained judge's weights needs a new VERSION."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.data import Store
from attredit.data.degrading import DamageLimits, randomly_damaged
from attredit.devices import repeatable, seeded
from attredit.errors import DataError
from attredit.evaluation.hints import Hints
from attredit.evaluation.judge_networks import JudgePair, reduced
from attredit.progress import Progress

VERSION = 4
# Two a judge: a batch of one has no statistics.
_FEWEST = 4


@dataclass(frozen=True)
class JudgeSettings:
    """How judges are built and trained; part of their hash.

    Attributes:
        width: Channels of the first judge's first stage; other stages and the second judge have multiples of it.
        size: Larger images are reduced to this before they are read.
        epochs: Passes of each judge over its half of the training images.
        steps: At least so many steps each, in more passes over few images.
        images: Most images a pass; larger halves are sampled.
        batch_size: Images a step.
        lr: Peak of the one-cycle learning rate.
        seed: Of first weights, halves, order and augmentation.
        augmentation: What happens to images before they are read.
        hints: Share of the images that get a hint of what they are not; see `attredit.evaluation.hints`.
    """

    width: int = 16
    size: int = 64
    epochs: int = 6
    steps: int = 1200
    images: int = 30_000
    batch_size: int = 64
    lr: float = 0.004
    seed: int = 20170711
    augmentation: DamageLimits = field(default_factory=DamageLimits)
    hints: float = 0.5


def fit_judges(
    schema: AttributeSchema,
    store: Store,
    settings: JudgeSettings,
    device: torch.device,
    progress: Progress,
) -> JudgePair:
    """Train both judges of all of a schema's attributes, each on its half of the images.

    Args:
        schema: Attributes in the order of the store's labels.
        store: A prepared training split.
        settings: How.
        device: Where.
        progress: Told of every finished step, as (done, total).

    Returns:
        Both, in evaluation mode. The caller's random state is as before.

    Raises:
        DataError: the images are too few for two.
    """
    if len(store) < _FEWEST:
        raise DataError(
            f"Two judges cannot be trained on {len(store)} images.",
            f"Use a data set with {_FEWEST} training images or more.",
        )
    pair = untrained_judges(schema, store, settings)
    pair.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    order = np.random.default_rng(settings.seed)
    split = halves(schema, np.asarray(store.labels), settings.seed)
    plans = [_batches(order, half, settings) for half in split]
    total, done = sum(map(len, plans)), 0
    for network, half, plan in zip((pair.first, pair.second), split, plans, strict=True):
        before = done

        def told(steps: int, _: int, before: int = before) -> None:
            progress(before + steps, total)

        hints = Hints(schema, store, half, pair.size)
        _fit_one(network, pair.size, schema, store, hints, plan, settings, device, told)
        done += len(plan)
    return pair


def _fit_one(
    network: nn.Module,
    size: int,
    schema: AttributeSchema,
    store: Store,
    hints: Hints,
    plan: list[NDArray[np.int64]],
    settings: JudgeSettings,
    device: torch.device,
    progress: Progress,
) -> None:
    """Train one judge on batches of rows of images that are no larger than a size."""
    labels = torch.from_numpy(np.asarray(store.labels, np.int64))
    targets = schema.encode(labels)
    generator = torch.Generator().manual_seed(settings.seed)

    def loss(step: int) -> Tensor:
        images = reduced(store.batch(plan[step]).to(device).float() / 255.0, size)
        images = hints.laid(images, labels[torch.from_numpy(plan[step])], settings.hints, generator)
        images = randomly_damaged(images, settings.augmentation, generator).contiguous(
            memory_format=torch.channels_last
        )
        return schema.loss(network(images), targets[torch.from_numpy(plan[step])].to(device))

    descend(network, settings.lr, len(plan), loss, progress)


def halves(
    schema: AttributeSchema, labels: NDArray[np.integer], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (N / 2,) of each judge: disjoint, and as alike as can be in how often they have every value.

    The rarest value is divided first (Sechidis et al. 2011). Images of a value that one half would lack are in both:
    nobody can agree on what only one has seen.

    Args:
        schema: Columns of `labels`.
        labels: (N, n) of all images.
        seed: Of who gets which.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    values = [labels[order, i] == value for i, a in enumerate(schema) for value in range(len(a.values))]
    side = np.full(len(labels), -1)
    for has in sorted([*values, np.ones(len(labels), bool)], key=np.sum):
        open_, balance = np.flatnonzero(has & (side < 0)), int((side[has] == 1).sum() - (side[has] == 0).sum())
        first = int(np.clip((len(open_) + balance + 1) // 2, 0, len(open_)))
        side[open_[:first]], side[open_[first:]] = 0, 1
    found = [side == 0, side == 1]
    for has in values:
        found = [half if (half & has).any() else half | has for half in found]
    return np.sort(order[found[0]]), np.sort(order[found[1]])


def descend(
    network: nn.Module,
    lr: float,
    steps: int,
    loss: Callable[[int], Tensor],
    progress: Progress,
) -> None:
    """Train with Adam and a one-cycle learning rate, and leave the network in evaluation mode.

    Args:
        network: In training mode.
        lr: The peak.
        steps: How many.
        loss: Of a step, by its number.
        progress: Told of every finished step, as (done, steps).
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    # The rate rises over the first quarter; that of four steps ends where it begins, with a slope of 0 / 0.
    rise = 0.0 if steps == 4 else 0.25
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=rise)
    with repeatable(next(network.parameters()).device):
        for step in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss(step).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            progress(step + 1, steps)
    network.eval().requires_grad_(False)


def untrained_judges(schema: AttributeSchema, store: Store, settings: JudgeSettings) -> JudgePair:
    """Both judges before training, always with the same first weights. The caller's random state is as before."""
    with seeded(settings.seed):
        return JudgePair(store.images.shape[3], seen_size(store, settings), schema.width, settings.width)


def seen_size(store: Store, settings: JudgeSettings) -> int:
    """Height and width that a store's images are read at."""
    return min(store.images.shape[1], settings.size)


def _batches(order: np.random.Generator, half: NDArray[np.int64], settings: JudgeSettings) -> list[NDArray[np.int64]]:
    """Rows of every step. Batches of one are left out: they have no batch statistics."""
    found: list[NDArray[np.int64]] = []
    passes = 0
    while passes < settings.epochs or len(found) < settings.steps:
        rows = order.permutation(half)[: settings.images]
        batches = np.split(rows, range(settings.batch_size, len(rows), settings.batch_size))
        found += [batch for batch in batches if len(batch) > 1]
        passes += 1
    return found
