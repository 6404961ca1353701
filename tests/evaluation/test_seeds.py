"""Estimates over seeds and differences between methods: worked out by hand, and how often they hold the truth."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from attredit.evaluation.statistics import bootstrap_mean, over_seeds, paired_difference, wilson, wilson_share

NAN = float("nan")


@pytest.mark.parametrize("share", [True, False])
def test_one_seed_is_what_a_run_reports(share):
    matrix = np.random.default_rng(0).integers(0, 2, (40, 2)).astype(float)
    matrix[3, 0] = NAN
    alone = wilson_share if share else bootstrap_mean
    assert over_seeds([matrix], share=share, weights=[1, 2]) == alone(matrix, weights=[1, 2])


def test_two_seeds_on_three_images_by_hand():
    # Means of seeds 2 and 4, of images 1, 3 and 5, whose sample variances are 2 and 4.
    runs = [np.array([[0.5], [2.0], [3.5]]), np.array([[1.5], [4.0], [6.5]])]
    found = over_seeds(runs, share=False)
    seeds, images = 2 / 2, 4 / 3
    freedom = (seeds + images) ** 2 / (seeds**2 / 1 + images**2 / 2)
    assert (found.value, found.n) == (pytest.approx(3), 6)
    assert freedom == pytest.approx(49 / 17)
    # Student's quantiles are 3.182 and 3.354 for 3 and 2.8 degrees of freedom.
    assert 3.2 < (found.high - found.value) / math.sqrt(7 / 3) < 3.35
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_seeds_that_agree_leave_the_variance_of_images():
    column = np.random.default_rng(1).normal(size=(500, 1))
    found = over_seeds([column] * 3, share=False)
    half = 1.9647 * column.std(ddof=1) / math.sqrt(500)  # Student's with 499 degrees of freedom
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), rel=1e-3)


def test_shares_that_are_all_one_have_a_width():
    found = over_seeds([np.ones((20, 2))] * 3, share=True)
    assert (found.value, found.low, found.high, found.n) == (1, pytest.approx(wilson(20, 20)[0]), 1, 120)


def test_images_that_say_nothing():
    first, second = np.array([1.0, 3.0, NAN, NAN]), np.array([3.0, 5.0, NAN, NAN])
    found = over_seeds([first, second], share=False)
    assert (found.value, found.n) == (3, 4)
    assert found.low < 1 < 5 < found.high


def test_one_image_has_no_interval():
    found = over_seeds([np.array([[1.0]]), np.array([[2.0]])], share=False)
    assert (found.value, found.low, found.high) == (1.5, None, None)


def test_runs_on_other_images_are_an_error():
    with pytest.raises(ValueError, match="other images"):
        over_seeds([np.ones((3, 1)), np.ones((4, 1))], share=True)


def test_a_difference_cancels_what_images_have_in_common():
    random = np.random.default_rng(2)
    images = random.normal(size=(300, 1)) * 10
    noise = random.normal(size=(4, 300, 1)) * 0.1
    a, b = [images + 1 + n for n in noise[:2]], [images + n for n in noise[2:]]
    found = paired_difference(a, b)
    assert found.value == pytest.approx(1, abs=0.02)
    assert found.n == 300
    assert found.high - found.low < 0.1
    assert over_seeds(a, share=False).high - over_seeds(a, share=False).low > 2


def test_the_difference_of_two_runs_resamples_images():
    a, b = np.random.default_rng(3).normal(size=(2, 50, 1))
    found, direct = paired_difference([a], [b]), bootstrap_mean(a - b)
    assert (found.low, found.high) == pytest.approx((direct.low, direct.high))
    assert found.value == pytest.approx(float((a - b).mean()))
    assert paired_difference([b], [a]).value == pytest.approx(-found.value)


def test_a_single_run_varies_as_the_others_do():
    constant = np.ones((100, 1))
    found = paired_difference([constant * v for v in (1, 2, 3)], [constant * 0])
    # Variance of seeds 1, hence 1/3 + 1; Student's quantile with two degrees of freedom is 4.303.
    assert found.high - found.value == pytest.approx(4.303 * math.sqrt(4 / 3), rel=1e-3)


def test_a_difference_of_weighted_columns():
    a, b = np.array([[1.0, NAN], [3.0, 8.0]]), np.array([[0.0, NAN], [1.0, 2.0]])
    found = paired_difference([a], [b], weights=[1, 3])
    assert found.value == pytest.approx(1.5 / 4 + 6 * 3 / 4)
    assert found.n == 2


def drawn(random, seeds, share, images=200, by_seed=0.1):
    """Runs of a figure that depends on image, seed and both, and its truth."""
    per_image, per_seed = random.normal(size=(images, 1)), by_seed * random.normal(size=(seeds, 1, 1))
    both = random.normal(size=(seeds, images, 1))
    if not share:
        return per_image + per_seed + both, 0.0
    truth = NormalDist().cdf(1 / math.sqrt(0.8**2 + by_seed**2 + 1))  # of a normal number being above 0
    return (1 + 0.8 * per_image + per_seed + both > 0).astype(float), truth


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_holds_the_truth(share, seeds):
    random = np.random.default_rng(seeds)
    held, rounds = 0, 500
    for _ in range(rounds):
        runs, truth = drawn(random, seeds, share)
        found = over_seeds(list(runs), share=share)
        held += found.low <= truth <= found.high
    assert 0.93 <= held / rounds <= 0.995


def test_the_interval_of_the_difference_holds_the_truth():
    random = np.random.default_rng(7)
    held, rounds = 0, 500
    for _ in range(rounds):
        images = random.normal(size=(150, 1))
        a, b = (images * f + 0.1 * random.normal(size=(3, 1, 1)) + random.normal(size=(3, 150, 1)) for f in (1, 1.3))
        found = paired_difference(list(a + 0.2), list(b))
        held += found.low <= 0.2 <= found.high
    assert 0.93 <= held / rounds <= 0.995


def test_where_seeds_matter_most_three_are_too_few_for_a_bootstrap():
    random = np.random.default_rng(5)
    held, resampled, rounds = 0, 0, 300
    for _ in range(rounds):
        runs, truth = drawn(random, 3, share=False, by_seed=0.5)
        found = over_seeds(list(runs), share=False)
        held += found.low <= truth <= found.high
        seeds, images = random.integers(0, 3, (200, 3)), random.integers(0, 200, (200, 200))
        means = runs[seeds[:, :, None], images[:, None, :], 0].mean((1, 2))
        low, high = np.quantile(means, (0.025, 0.975))
        resampled += low <= truth <= high
    assert held / rounds > 0.9  # of a nominal 0.95: Satterthwaite's degrees of freedom are themselves estimated
    assert resampled / rounds < 0.8
