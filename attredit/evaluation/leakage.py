"""How well a fresh classifier, a probe, reads an attribute off the latent that should not contain it.

Accuracy is balanced: the mean of the classes' own accuracies, so that an attribute that is rare does not look leaked to
a probe that always says no. Of a binary attribute 1/2 is no leakage, of one with K values 1/K.

In bits, a probe's cross-entropy on codes it has not seen, taken off the entropy of the labels, is a lower bound of what
the latent tells of the attribute (Barber and Agakov 2003); three probes give three bounds.

Which style an attribute has in an image is numbers, so that a linear probe guesses them, and what counts is their
variance that it explains.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attredit.attributes import MISSING
from attredit.evaluation.codes import Codes
from attredit.evaluation.probes import KINDS, read_off
from attredit.evaluation.table import Table

FEWEST = 10
STYLE_LEAKAGE = "style_leakage"
# Weights of the squared coefficients, in shares of the codes' mean squared singular value.
_RIDGES = tuple(10.0**k for k in range(-6, 4))


def leakage_names(*, sampled: bool) -> tuple[str, ...]:
    """All figures, with or without those of samples."""
    of = ("mean", "sample") if sampled else ("mean",)
    return tuple(name for code in of for name in (f"leakage_{code}", *(f"leakage_bits_{k}_{code}" for k in KINDS)))


def leakage_scores(
    name: str, classes: int, train: Codes, train_labels: Tensor, test: Codes, test_labels: Tensor, table: Table
) -> str | None:
    """All figures of one attribute; see docs/metrics.md.

    Args:
        name: The attribute.
        classes: K.
        train: Codes of training images.
        train_labels: (N,) of theirs.
        test: Codes of the evaluated images.
        test_labels: (M,) of theirs.
        table: Where to put what was found.

    Returns:
        Why nothing could be measured; None when it was. Images without a label of it take no part.
    """
    known, rows = train_labels != MISSING, torch.arange(len(test))[test_labels != MISSING]
    train, train_labels = train[known], train_labels[known]
    test, test_labels = test[rows], test_labels[rows]
    counts = torch.bincount(train_labels, minlength=classes)
    if int(counts.min()) < FEWEST:
        return f"Some value of {name} has fewer than {FEWEST} examples among {len(train)} training images."
    if not len(test):
        return f"No evaluated image has a label of {name}."
    for code, sampled in (("mean", False), ("sample", True)):
        if sampled and train.logvar is None:
            continue
        for kind in KINDS:
            read = read_off(kind, train, train_labels, test, classes, sampled=sampled)
            bits = information(read.log_probability, test_labels)
            table.put(f"leakage_bits_{kind}_{code}", name, rows.numpy(), bits)
            if kind == "mlp":
                right = read.balanced == test_labels
                for value in range(classes):
                    of_value = test_labels == value
                    columns = {"column": value, "columns": classes}
                    table.put(f"leakage_{code}", name, rows[of_value].numpy(), right[of_value], share=True, **columns)
    return None


def style_leakage(where: slice, train: Codes, test: Codes) -> Tensor | None:
    """(M,) values whose mean is the share of the styles' variance that is read off contents; None of too few images.

    By ridge regression, whose ridge is that with the least generalized cross-validation error (Golub, Heath and Wahba
    1979). Below 0 it foretells worse than the mean does.

    Args:
        where: Of the styles: those of the attribute.
        train: N codes of training images that have it.
        test: M codes of evaluated images that have it.
    """
    if min(len(train), len(test)) < FEWEST:
        return None
    assert train.styles is not None
    assert test.styles is not None
    known, true = train.styles[:, where].double(), test.styles[:, where].double()
    codes, unseen = train.told(None).double(), test.told(None).double()
    center, middle = codes.mean(0), known.mean(0)
    left, singular, right = torch.linalg.svd(codes - center, full_matrices=False)
    squares, told = singular.square(), left.T @ (known - middle)

    def kept(ridge: float) -> Tensor:
        share: Tensor = squares / (squares + ridge * squares.mean()).clamp(min=1e-30)
        return share

    def error(ridge: float) -> float:
        missed = known - middle - left @ (kept(ridge)[:, None] * told)
        return float(missed.square().mean() / (1.0 - (1.0 + kept(ridge).sum()) / len(known)).clamp(min=1e-9) ** 2)

    best = kept(min(_RIDGES, key=error))
    foretold = middle + (unseen - center) @ right.T @ ((best / singular.clamp(min=1e-12))[:, None] * told)
    missed, spread = (true - foretold).square().sum(1), (true - true.mean(0)).square().sum(1).mean()
    explained: Tensor = 1.0 - missed / spread.clamp(min=1e-12)
    return explained


def information(log_probability: Tensor, labels: Tensor) -> Tensor:
    """(M,) bits that a reader's log probabilities (M, K) tell of each label (M,), beyond how frequent its value is.

    Their mean is the labels' entropy less the reader's cross-entropy.
    """
    frequency = torch.bincount(labels, minlength=log_probability.shape[1]) / len(labels)
    told: Tensor = (log_probability[torch.arange(len(labels)), labels] - frequency[labels].log()) / math.log(2)
    return told
