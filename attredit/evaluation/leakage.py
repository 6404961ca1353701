"""How well a fresh classifier, a probe, reads an attribute off the latent that should not contain it.

Accuracy is balanced: the mean of the classes' own accuracies, so that an attribute that is rare does not look leaked to
a probe that always says no. Of a binary attribute 1/2 is no leakage, of one with K values 1/K.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.evaluation.data import CHUNK, as_images, spread
from attredit.evaluation.table import Table
from attredit.interfaces import Code

if TYPE_CHECKING:
    from attredit.data import Store
    from attredit.editor import Editor

MOST = 8000
FEWEST = 10
_SEED = 20170711
_WIDTH = 256
_BATCH = 256
_EPOCHS = 40
_PATIENCE = 4
_HELD_OUT = 0.15


@dataclass(frozen=True)
class Codes:
    """Latent codes on the CPU, feature maps flattened.

    Attributes:
        mean: (N, Z).
        logvar: (N, Z); None where the encoder does not sample.
    """

    mean: Tensor
    logvar: Tensor | None

    @classmethod
    def of(cls, codes: list[Code]) -> Codes:
        """Join the codes of chunks."""
        logvars = [c.logvar.flatten(1).float().cpu() for c in codes if c.logvar is not None]
        mean = torch.cat([c.mean.flatten(1).float().cpu() for c in codes])
        return cls(mean, torch.cat(logvars) if logvars else None)

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: Tensor) -> Codes:
        return Codes(self.mean[rows], None if self.logvar is None else self.logvar[rows])

    def sample(self, generator: torch.Generator) -> Tensor:
        """(N, Z) fresh samples; the mean where there is no variance."""
        if self.logvar is None:
            return self.mean
        return self.mean + (0.5 * self.logvar).exp() * torch.randn(self.mean.shape, generator=generator)


def training_codes(editor: Editor, store: Store, tell: Callable[[int, int], None]) -> tuple[Codes, np.ndarray]:
    """Codes of up to 8,000 training images, evenly spread, and the rows that they are of."""
    rows, codes = spread(len(store), MOST), []
    for start in range(0, len(rows), CHUNK):
        images = as_images(store, rows[start : start + CHUNK])
        codes.append(editor.encode(images)._replace(attrs=None, skips=(), labels=None))
        tell(min(start + CHUNK, len(rows)), len(rows))
    return Codes.of(codes), rows


def leakage_scores(
    name: str, classes: int, train: Codes, train_labels: Tensor, test: Codes, test_labels: Tensor, table: Table
) -> str | None:
    """`leakage_mean` and `leakage_sample` of one attribute.

    Args:
        name: The attribute.
        classes: K.
        train: Codes of training images.
        train_labels: (N,) of theirs.
        test: Codes of the evaluated images.
        test_labels: (M,) of theirs.
        table: Where to put what was found.

    Returns:
        Why nothing could be measured; None when it was.
    """
    counts = torch.bincount(train_labels, minlength=classes)
    if int(counts.min()) < FEWEST:
        return f"Some value of {name} has fewer than {FEWEST} examples among {len(train)} training images."
    for metric, sampled in (("leakage_mean", False), ("leakage_sample", True)):
        if sampled and train.logvar is None:
            continue
        right = probe(train, train_labels, test, classes, sampled=sampled) == test_labels
        for value in range(classes):
            rows = np.flatnonzero((test_labels == value).numpy())
            table.put(metric, name, rows, right[rows], share=True, column=value, columns=classes)
    return None


def probe(train: Codes, labels: Tensor, test: Codes, classes: int, *, sampled: bool) -> Tensor:
    """Train a probe, and read labels off other codes.

    Args:
        train: N codes.
        labels: (N,) of theirs, every class among them.
        test: M codes.
        classes: K.
        sampled: Read samples of the latent, fresh ones every pass, instead of its mean.

    Returns:
        (M,) labels.
    """
    generator = torch.Generator().manual_seed(_SEED)
    order = torch.randperm(len(train), generator=generator)
    held = max(1, int(_HELD_OUT * len(train)))
    fit, check = train[order[held:]], train[order[:held]]

    def read(codes: Codes) -> Tensor:
        return codes.sample(generator) if sampled else codes.mean

    first = read(fit)
    middle, scale = first.mean(0), first.std(0).clamp(min=1e-8)
    weight = len(labels) / (classes * torch.bincount(labels, minlength=classes).float())
    network = _network(train.mean.shape[1], classes)
    held_out = (read(check) - middle) / scale, labels[order[:held]]
    _train(network, lambda: (read(fit) - middle) / scale, labels[order[held:]], held_out, weight, generator)
    with torch.inference_mode():
        found: Tensor = network((read(test) - middle) / scale).argmax(1)
    return found


def _network(inputs: int, classes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return nn.Sequential(
            nn.Linear(inputs, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, classes)
        )


def _train(
    network: nn.Module,
    inputs: Callable[[], Tensor],
    labels: Tensor,
    held_out: tuple[Tensor, Tensor],
    weight: Tensor,
    generator: torch.Generator,
) -> None:
    """Adam on the class-weighted cross-entropy, until held-out codes have not been read better for a while."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    best, best_state, since = float("inf"), copy.deepcopy(network.state_dict()), 0
    for _ in range(_EPOCHS):
        x = inputs()
        for rows in torch.split(torch.randperm(len(x), generator=generator), _BATCH):
            loss = F.cross_entropy(network(x[rows]), labels[rows], weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.inference_mode():
            now = float(F.cross_entropy(network(held_out[0]), held_out[1], weight))
        if now < best:
            best, best_state, since = now, copy.deepcopy(network.state_dict()), 0
        else:
            since += 1
        if since == _PATIENCE:
            break
    network.load_state_dict(best_state)
