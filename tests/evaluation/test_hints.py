"""Hints lead towards the mean of another value, in one attribute, and nowhere where nothing is known."""

from __future__ import annotations

import itertools

import numpy as np
import quadrants as q
import torch

from attredit.attributes import MISSING
from attredit.evaluation.hints import Hints

# Every combination once: what two values differ in on average is one quadrant.
LABELS = np.array(list(itertools.product((0, 1), repeat=4)), np.int16)


def laid(labels, share, seen=LABELS, schema=q.BINARY):
    """Images before and after."""
    images = torch.from_numpy(q.draw(np.maximum(labels, 0), schema)).permute(0, 3, 1, 2).float() / 255
    store = q.store_of(seen, schema, q.draw(np.maximum(seen, 0), schema))
    hints = Hints(schema, store, np.arange(len(seen)), q.SIZE)
    generator = torch.Generator().manual_seed(0)
    return images, hints.laid(images, torch.from_numpy(labels.astype(np.int64)), share, generator)


def test_one_quadrant_moves_towards_its_other_level():
    labels = np.tile(LABELS, (8, 1))
    images, hinted = laid(labels, 1.0)
    moved = torch.stack([(hinted - images)[:, 0, *place].mean((1, 2)) for place in q.PLACES], 1)
    step = (q.LEVELS[1] - q.LEVELS[0]) / 255
    assert ((moved.abs() > 1e-6).sum(1) <= 1).all()
    assert ((moved.abs() > 1e-6).sum(0) > 8).all()
    towards = moved * torch.from_numpy(1 - 2 * labels.astype(np.float32))
    assert towards.min() > -1e-6
    assert towards.max() <= step + 1e-6
    assert 0.3 * step < towards.sum() / len(labels) < 0.7 * step
    assert torch.equal(laid(labels, 1.0)[1], hinted)


def test_of_a_share_of_the_images():
    labels = np.tile(LABELS, (40, 1))
    images, hinted = laid(labels, 0.25)
    assert 0.2 < (images != hinted).flatten(1).any(1).float().mean() < 0.3
    assert torch.equal(*laid(labels, 0.0))


def test_nothing_leads_to_or_from_what_is_not_known():
    nowhere = np.full_like(LABELS, MISSING)
    assert torch.equal(*laid(nowhere, 1.0))
    assert torch.equal(*laid(LABELS, 1.0, seen=nowhere))
    alike = np.zeros_like(LABELS)  # nobody has the other value
    assert torch.equal(*laid(LABELS, 1.0, seen=alike))


def test_a_categorical_attribute():
    labels = np.array([(s, h) for s in (0, 1) for h in (0, 1, 2)] * 20, np.int16)
    images, hinted = laid(labels, 1.0, seen=labels, schema=q.MIXED)
    hair = (hinted - images)[:, 0, *q.PLACES[1]].mean((1, 2))
    assert (hair[labels[:, 1] == 0] > -1e-6).all()
    assert (hair[labels[:, 1] == 2] < 1e-6).all()
    middle = hair[labels[:, 1] == 1]
    assert middle.min() < -0.05
    assert middle.max() > 0.05
