"""Probes: fresh classifiers that read labels off latent codes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.devices import seeded
from attredit.evaluation.codes import Codes

Kind = Literal["linear", "mlp", "knn"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_SEED = 20170711
_WIDTH = 256
_BATCH = 256
_EPOCHS = 40
_PATIENCE = 4
_HELD_OUT = 0.15
_NEIGHBOURS = 32
_CHUNK = 512
_RATE = {"mlp": 1e-3, "linear": 1e-2}
# A probe that is too sure of itself tells less than it knows; below 1 are those that are not sure enough.
_TEMPERATURES = tuple(2 ** (i / 2) for i in range(-4, 9))


class Read(NamedTuple):
    """What a probe reads off M codes.

    Attributes:
        log_probability: (M, K), natural, of a world where values are as frequent as in training.
        balanced: (M,) the likeliest labels if all values were equally frequent.
    """

    log_probability: Tensor
    balanced: Tensor


def read_off(kind: Kind, train: Codes, labels: Tensor, test: Codes, classes: int, *, sampled: bool) -> Read:
    """Train a probe, and read labels off other codes.

    Args:
        kind: Logistic regression, two hidden layers of 256 units, or the 32 nearest neighbours.
        train: N codes.
        labels: (N,) of theirs, every class among them.
        test: M codes.
        classes: K.
        sampled: Read samples of the latent, fresh ones in every pass, instead of its mean.
    """
    generator = torch.Generator().manual_seed(_SEED)
    order = torch.randperm(len(labels), generator=generator)
    held = max(1, int(_HELD_OUT * len(labels)))
    fit, check = train[order[held:]], train[order[:held]]
    labels_fit, labels_check = labels[order[held:]], labels[order[:held]]
    drawn = generator if sampled else None
    raw = fit.told(drawn)
    middle, scale = raw.mean(0), raw.std(0).clamp(min=1e-8)

    def read(codes: Codes) -> Tensor:
        return (codes.told(drawn) - middle) / scale

    frequency = (torch.bincount(labels, minlength=classes) / len(labels)).log()
    if kind == "knn":
        near = _neighbours((raw - middle) / scale, labels_fit, read(test), frequency.exp())
        return Read(near, (near - frequency).argmax(1))
    network = _network(kind, raw.shape[1], classes)
    checked, weight = read(check), 1 / (classes * frequency.exp())
    _train(network, lambda: read(fit), labels_fit, (checked, labels_check), weight, _RATE[kind], generator)
    with torch.inference_mode():
        temperature = _temperature(network(checked), labels_check, frequency)
        # Trained on weighted classes, logits are those of equally frequent values.
        logits = network(read(test))
    return Read((logits / temperature + frequency).log_softmax(1), logits.argmax(1))


def _temperature(logits: Tensor, labels: Tensor, frequency: Tensor) -> float:
    """Of those tried, the one that suits held-out codes best (Guo et al. 2017)."""
    return min(_TEMPERATURES, key=lambda t: float(F.cross_entropy(logits / t + frequency, labels)))


def _neighbours(train: Tensor, labels: Tensor, test: Tensor, frequency: Tensor) -> Tensor:
    """(M, K) log shares of labels among the nearest (N, Z), with one more neighbour of average labels."""
    count = min(_NEIGHBOURS, len(train))
    one_hot = F.one_hot(labels, len(frequency)).float()
    shares = []
    for part in torch.split(test, _CHUNK):
        nearest = torch.cdist(part, train).topk(count, largest=False).indices
        shares.append((one_hot[nearest].sum(1) + frequency) / (count + 1))
    return torch.cat(shares).log()


def _network(kind: Kind, inputs: int, classes: int) -> nn.Module:
    with seeded(_SEED):
        if kind == "linear":
            return nn.Linear(inputs, classes)
        return nn.Sequential(
            nn.Linear(inputs, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, classes)
        )


def _train(
    network: nn.Module,
    inputs: Callable[[], Tensor],
    labels: Tensor,
    held_out: tuple[Tensor, Tensor],
    weight: Tensor,
    rate: float,
    generator: torch.Generator,
) -> None:
    """Adam on the class-weighted cross-entropy, until held-out codes have not been read better for a while."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
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
