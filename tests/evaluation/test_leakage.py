"""The probe, on codes of which it is known what they contain."""

from __future__ import annotations

import math

import pytest
import quadrants as q
import torch

from attredit.evaluation.codes import Codes
from attredit.evaluation.leakage import information, leakage_scores, style_leakage
from attredit.evaluation.measure import measure
from attredit.evaluation.probes import KINDS, read_off
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
    for name, found in scores(0.0, 0.5, share=share).items():
        if "bits" in name:
            assert -0.08 < found.value < 0.02  # a bound from below: what a probe learns by heart takes off some of it
            continue
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
    once, again = (read_off("mlp", both, labels, both, 2, sampled=True) for _ in range(2))
    assert torch.equal(once.log_probability, again.log_probability)
    assert torch.equal(state, torch.get_rng_state())


def test_a_dimension_that_never_moves():
    labels = (torch.arange(400) % 2).long()
    mean = torch.full((400, WIDTH), 0.3)
    for kind in KINDS:
        found = read_off(kind, Codes(mean, None), labels, Codes(mean, None), 2, sampled=False)
        assert len(set(found.balanced.tolist())) == 1
        assert found.log_probability.exp().sum(1).numpy() == pytest.approx(1)


def test_bits_of_a_latent_that_tells_all_and_of_one_that_tells_nothing():
    all_of_it, nothing = scores(4.0, 0.1), scores(0.0, 0.1)
    for kind in KINDS:
        for of in ("mean", "sample"):
            name = f"leakage_bits_{kind}_{of}"
            # The entropy of two equally frequent values is 1; neighbours are a little unsure of what is far out.
            assert (0.9 if kind == "knn" else 0.97) < all_of_it[name].value <= 1, name
            assert nothing[name].value < 0.02, name
            assert all_of_it[name].n == TEST


def test_bits_of_a_rare_attribute_are_no_more_than_its_entropy():
    entropy = -(0.05 * math.log2(0.05) + 0.95 * math.log2(0.95))
    for name, found in scores(4.0, 0.1, share=0.05).items():
        if "bits" in name:
            assert 0.8 * entropy < found.value < 1.3 * entropy, name  # 5 % of 800 are not always 40


def test_bits_of_a_noisy_bit():
    """A code that is the label but for one in ten tells 1 - H(0.1) = 0.531 bits, whoever reads it well."""
    random = torch.Generator().manual_seed(2)
    train, test = ((torch.rand(n, generator=random) < 0.5).long() for n in (TRAIN, 2 * TEST))
    both = [
        Codes((labels ^ (torch.rand(len(labels), generator=random) < 0.1).long())[:, None].float(), None)
        for labels in (train, test)
    ]
    table = Table(len(test))
    leakage_scores("Smiling", 2, both[0], train, both[1], test, table)
    told = table.metrics()
    for kind in ("linear", "mlp"):
        found = told[f"leakage_bits_{kind}_mean"]
        assert found.low < 0.531 < found.high
    assert told["leakage_bits_knn_mean"].value < 0.531 + 0.05
    assert "leakage_bits_mlp_sample" not in told


def test_an_exclusive_or_needs_more_than_a_line():
    random = torch.Generator().manual_seed(3)
    points = [
        torch.randn(n, 2, generator=random).sign() + 0.1 * torch.randn(n, 2, generator=random) for n in (TRAIN, TEST)
    ]
    train, test = (((p[:, 0] > 0) ^ (p[:, 1] > 0)).long() for p in points)
    table = Table(TEST)
    leakage_scores("Smiling", 2, Codes(points[0], None), train, Codes(points[1], None), test, table)
    told = table.metrics()
    assert told["leakage_bits_linear_mean"].value < 0.02
    assert told["leakage_bits_mlp_mean"].value > 0.95
    assert told["leakage_bits_knn_mean"].value > 0.9


def test_information_by_hand():
    # Labels 1, 0, 0, 0: the entropy is 0.811. A reader that gives each label 1/2 has a cross-entropy of 1.
    labels = torch.tensor([1, 0, 0, 0])
    found = information(torch.full((4, 2), 0.5).log(), labels)
    assert found.tolist() == pytest.approx([2 - 1, *[math.log2(4 / 3) - 1] * 3])
    assert float(found.mean()) == pytest.approx(0.8113 - 1, abs=1e-4)


@pytest.mark.parametrize("skips", [True, False])
def test_what_goes_past_the_latent_is_told_as_well(skips):
    class Blind(q.Quadrants):
        """An editor whose latent knows nothing; its skips, if it has any, are the whole image."""

        def encode(self, images):
            code = super().encode(images)
            blank = torch.zeros_like(code.mean)
            return code._replace(mean=blank, z=blank, skips=code.skips if skips else ())

        def draw(self, z, attrs, code=None):
            return torch.full((len(z), 1, q.SIZE, q.SIZE), 0.5)

    found = measure(Blind(), q.data_of(q.labels_of(100)), lambda *told: None).table.metrics()
    assert found["leakage_mean"].value == (1 if skips else 0.5)
    assert (found["leakage_bits_linear_mean"].value > 0.9) == skips


def styled(n, seed, share, noise):
    """Codes whose first numbers tell this share of the variance of the second attribute's two style numbers."""
    random = torch.Generator().manual_seed(seed)
    mean, other = torch.randn(n, WIDTH, generator=random), torch.randn(n, 2, generator=random)
    told = share**0.5 * mean[:, :2] + (1 - share) ** 0.5 * other
    return Codes(mean, None, None, torch.cat([torch.randn(n, 2, generator=random), noise + 3.0 * told], 1))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_how_much_of_a_style_is_told_is_found(share):
    train, test = styled(2000, 1, share, 5.0), styled(1000, 2, share, 5.0)
    assert style_leakage(slice(2, 4), train, test).mean() == pytest.approx(share, abs=0.05)
    assert style_leakage(slice(0, 2), train, test).mean() == pytest.approx(0.0, abs=0.05)


def test_few_images_do_not_make_a_style_seem_told_or_much_less_than_nothing():
    found = style_leakage(slice(2, 4), styled(20, 1, 0.0, 0.0), styled(1000, 2, 0.0, 0.0)).mean()
    assert -0.3 < found < 0.05


def test_of_too_few_images_nothing_is_said():
    assert style_leakage(slice(2, 4), styled(9, 1, 1.0, 0.0), styled(50, 2, 1.0, 0.0)) is None


def test_a_content_that_is_always_the_same_tells_nothing():
    train, test = (Codes(torch.ones(50, WIDTH), None, None, styled(50, seed, 0.0, 0.0).styles) for seed in (1, 2))
    assert style_leakage(slice(2, 4), train, test).mean() == pytest.approx(0.0, abs=0.1)
