"""The probe, on codes of which it is known what they contain."""

from __future__ import annotations

import pytest
import torch

from attredit.evaluation.leakage import Codes, leakage_scores, probe
from attredit.evaluation.table import Table

TRAIN, TEST, WIDTH = 3000, 800, 8


def codes(labels, amount, deviation, seed, spread=1.0):
    """Normal means of which the first tells the label by `amount`, and samples that stray from them by `deviation`."""
    mean = torch.randn(len(labels), WIDTH, generator=torch.Generator().manual_seed(seed))
    mean[:, 0] = spread * mean[:, 0] + amount * (2 * labels - 1)
    return Codes(mean, torch.full_like(mean, 2 * torch.tensor(deviation).log().item()))


def scores(amount, deviation, spread=1.0, share=0.5, classes=2):
    random = torch.Generator().manual_seed(5)
    draw = [torch.rand(n, generator=random) for n in (TRAIN, TEST)]
    train, test = [(d < share).long() for d in draw]
    table = Table(TEST)
    a, b = codes(train, amount, deviation, 6, spread), codes(test, amount, deviation, 7, spread)
    assert leakage_scores("Smiling", classes, a, train, b, test, table) is None
    return table.metrics()


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_independent_codes_tell_nothing(share):
    for found in scores(0.0, 0.5, share=share).values():
        assert abs(found.value - 0.5) < found.high - found.low  # twice the interval's reach: four of these are drawn
        assert found.n == TEST


def test_codes_that_tell():
    got = scores(3.0, 0.5)
    assert got["leakage_mean"].value > 0.98
    assert got["leakage_sample"].value > 0.98


def test_a_trace_in_the_mean_drowns_in_the_sample():
    got = scores(0.1, 1.0, spread=0.0)
    assert got["leakage_mean"].value > 0.98
    assert got["leakage_sample"].value < 0.65


def test_a_rare_attribute_that_leaks():
    assert scores(3.0, 0.5, share=0.05)["leakage_mean"].value > 0.95


def test_too_few_examples():
    labels = torch.zeros(100, dtype=torch.long)
    both = codes(labels, 0.0, 1.0, 0)
    reason = leakage_scores("Smiling", 2, both, labels, both, labels, Table(100))
    assert reason is not None
    assert "fewer than 10" in reason


def test_the_probe_is_repeatable_and_leaves_randomness_alone():
    labels = (torch.arange(400) % 2).long()
    both = codes(labels, 0.3, 0.5, 1)
    state = torch.get_rng_state()
    once = probe(both, labels, both, 2, sampled=True)
    assert torch.equal(once, probe(both, labels, both, 2, sampled=True))
    assert torch.equal(state, torch.get_rng_state())


def test_a_dimension_that_never_moves():
    labels = (torch.arange(400) % 2).long()
    mean = torch.full((400, WIDTH), 0.3)
    found = probe(Codes(mean, None), labels, Codes(mean, None), 2, sampled=False)
    assert len(set(found.tolist())) == 1
