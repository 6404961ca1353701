"""Labels that are probably wrong: readers that have not seen an image contradict them surely.

Confident learning (Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021).
The images are divided into folds, and those of each are read by networks that were trained on the others. A label
counts as wrong if another value is read as surely as it is, on average, where it is the label.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.data import Store
from attredit.devices import seeded
from attredit.errors import DataError
from attredit.evaluation.judge_networks import StridedNetwork, reduced
from attredit.evaluation.judge_training import descend
from attredit.progress import Progress, silent
from attredit.report.grid import grid

FOLDS = 4
READERS = 2  # of each fold: what one reads by accident, the other does not
_SIZE, _WIDTH, _BATCH, _EPOCHS, _STEPS, _RATE, _SEED = 64, 16, 64, 6, 80, 0.01, 20170711
_SHOWN, _IN_ROW = 48, 8


class Doubt(NamedTuple):
    """A label that is probably wrong.

    Attributes:
        row: Of the image in its store.
        attribute: Which.
        label: The value that it is said to have.
        read: The value that it is read to have.
        margin: How much more probable that one is, between -1 and 1.
    """

    row: int
    attribute: Attribute
    label: str
    read: str
    margin: float


def doubts(
    store: Store,
    schema: AttributeSchema,
    progress: Progress = silent,
    *,
    width: int = _WIDTH,
    steps: int = _STEPS,
) -> list[Doubt]:
    """Labels of a store that are probably wrong, those that are contradicted most surely first.

    Args:
        store: Prepared images with their labels.
        schema: Attributes to look at.
        progress: Told of every step of the readers' training, as (done, total).
        width: Channels of the readers' first stage.
        steps: At least so many steps a reader; six passes over its images, if these are more.

    Raises:
        DataError: there are fewer images than readers need.
    """
    if len(store) < 2 * FOLDS:
        raise DataError(f"{len(store)} images are too few to find wrong labels.", f"There must be {2 * FOLDS} or more.")
    labels = store.label_columns(schema.names)
    read = _read(store, schema, labels, progress, width, steps)
    found = [
        doubt
        for i, (attribute, columns) in enumerate(zip(schema, schema.columns, strict=True))
        for doubt in contradicted(attribute, labels[:, i], read[:, columns])
    ]
    return sorted(found, key=lambda doubt: -doubt.margin)


def contradicted(attribute: Attribute, labels: NDArray[np.int64], read: NDArray[np.float64]) -> list[Doubt]:
    """Of one attribute, from its labels (N,) and out-of-fold probabilities (N, K), or (N, 1) of the second of two."""
    read = np.hstack([1.0 - read, read]) if read.shape[1] == 1 else read
    known = np.flatnonzero(labels != MISSING)
    own = read[known, labels[known]]
    usual = np.array(
        [own[labels[known] == k].mean() if (labels[known] == k).any() else 2.0 for k in range(read.shape[1])]
    )
    sure = np.where(read >= usual, read, -1.0)
    best = sure.argmax(1)
    wrong = [row for row in known if sure[row].max() >= 0.0 and best[row] != labels[row]]
    said = attribute.values
    return [
        Doubt(int(n), attribute, said[labels[n]], said[best[n]], float(read[n, best[n]] - read[n, labels[n]]))
        for n in wrong
    ]


def _read(
    store: Store, schema: AttributeSchema, labels: NDArray[np.int64], progress: Progress, width: int, steps: int
) -> NDArray[np.float64]:
    """(N, A) probabilities of every image's attributes: means of readers that were trained without its fold."""
    size, targets = min(_SIZE, store.images.shape[1]), schema.encode(torch.from_numpy(labels.astype(np.int64)))
    steps, read = (
        max(steps, _EPOCHS * len(store) * (FOLDS - 1) // FOLDS // _BATCH),
        np.zeros((len(store), schema.width)),
    )

    def seen(rows: NDArray[np.int64]) -> Tensor:
        return reduced(store.batch(rows).float() / 255.0, size).contiguous(memory_format=torch.channels_last)

    for number, (reader, fold) in enumerate(np.ndindex(READERS, FOLDS)):
        seed = _SEED + FOLDS * reader
        order = np.random.default_rng(seed).permutation(len(store))
        held = np.array_split(order, FOLDS)[fold]
        others, dice = np.setdiff1d(order, held), np.random.default_rng(seed + fold)
        with seeded(seed + fold):
            network = StridedNetwork(store.images.shape[3], size, schema.width, width)
        network.to(memory_format=torch.channels_last).train()

        def loss(step: int, others: NDArray[np.int64] = others, dice: np.random.Generator = dice,
                 network: StridedNetwork = network) -> Tensor:  # fmt: skip
            rows = dice.choice(others, min(_BATCH, len(others)), replace=False)
            return schema.loss(network(seen(rows)), targets[torch.from_numpy(rows)])

        def told(done: int, _: int, before: int = number * steps) -> None:
            progress(before + done, READERS * FOLDS * steps)

        descend(network, _RATE, steps, loss, told)
        with torch.inference_mode():
            for rows in np.array_split(held, -(-len(held) // _BATCH)):
                read[rows] += schema.probabilities(network(seen(rows))).double().numpy()
    return read / READERS


def sheet(store: Store, found: list[Doubt]) -> Image.Image:
    """The first of the doubts as a picture: each image with its number, its label, and what is read instead."""
    shown = found[:_SHOWN]
    strips = []
    for part in (shown[i : i + _IN_ROW] for i in range(0, len(shown), _IN_ROW)):
        images = [store.images[doubt.row] for doubt in part]
        said = [f"{store.rows[d.row]}\n{d.attribute.name} {d.label}, reads {d.read}" for d in part]
        strips.append(grid([images], columns=said))
    canvas = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), "white")
    top = 0
    for strip in strips:
        canvas.paste(strip, (0, top))
        top += strip.height
    return canvas
