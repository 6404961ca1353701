"""How well a fresh classifier, a probe, reads an attribute off the latent that should not contain it.

Accuracy is balanced: the mean of the classes' own accuracies, so that an attribute that is rare does not look leaked to
a probe that always says no. Of a binary attribute 1/2 is no leakage, of one with K values 1/K.

In bits, a probe's cross-entropy on codes it has not seen, taken off the entropy of the labels, is a lower bound of what
the latent tells of the attribute (Barber and Agakov 2003); three probes give three bounds.
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


def information(log_probability: Tensor, labels: Tensor) -> Tensor:
    """(M,) bits that a reader's log probabilities (M, K) tell of each label (M,), beyond how frequent its value is.

    Their mean is the labels' entropy less the reader's cross-entropy.
    """
    frequency = torch.bincount(labels, minlength=log_probability.shape[1]) / len(labels)
    told: Tensor = (log_probability[torch.arange(len(labels)), labels] - frequency[labels].log()) / math.log(2)
    return told
