"""Estimates, against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from attredit.evaluation.statistics import Estimate, bootstrap_mean, wilson, wilson_share

NAN = float("nan")


def test_wilson_of_13_in_16():
    assert wilson(13, 16) == pytest.approx((0.5699, 0.9341), abs=1e-3)


def test_wilson_at_the_ends_is_one_sided():
    # At 0 of n the upper end is z² / (n + z²).
    assert wilson(0, 10) == pytest.approx((0.0, 3.8415 / 13.8415), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((10 / 13.8415, 1.0), abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share(case):
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 4), (5, 4)])
def test_wilson_of_the_impossible(successes, n):
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)


def test_a_share_of_one_column_is_wilsons():
    found = wilson_share([1] * 13 + [0] * 3 + [NAN] * 5)
    assert (found.value, found.n) == (13 / 16, 16)
    assert (found.low, found.high) == pytest.approx(wilson(13, 16))


def test_saying_the_same_twice_narrows_nothing():
    column = np.array([1] * 13 + [0] * 3)
    twice, once = wilson_share(np.stack([column, column], 1)), wilson_share(column)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    assert (twice.value, twice.n) == (once.value, 32)


def test_columns_of_different_images_are_independent():
    # Balanced accuracy: 8 of 10 of one class, 30 of 40 of the other; variance (0.16 / 10 + 0.1875 / 40) / 4.
    matrix = np.full((50, 2), NAN)
    matrix[:10, 0], matrix[10:, 1] = [1] * 8 + [0] * 2, [1] * 30 + [0] * 10
    found = wilson_share(matrix)
    effective = 0.775 * 0.225 / ((0.016 + 0.0046875) / 4)
    assert found.value == pytest.approx(0.775)
    assert (found.low, found.high) == pytest.approx(wilson(0.775 * effective, effective))


def test_a_perfect_share_of_several_columns_counts_images():
    found = wilson_share(np.ones((20, 3)))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, *wilson(20, 20)))


def test_weights_of_columns():
    matrix = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]])
    assert wilson_share(matrix, [2, 1, 1]).value == pytest.approx(0.5 + 0.125)
    assert bootstrap_mean(matrix, weights=[2, 1, 1]).value == pytest.approx(0.625)


def test_a_column_without_numbers_is_an_error():
    with pytest.raises(ValueError, match="no mean"):
        wilson_share([[1, NAN], [0, NAN]])
    with pytest.raises(ValueError, match="no mean"):
        bootstrap_mean([])


def test_the_bootstrap_agrees_with_theory_and_with_itself():
    values = np.random.default_rng(3).normal(5, 2, 400)
    found = bootstrap_mean(values)
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / math.sqrt(400)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.2 * half)
    assert found == bootstrap_mean(values)
    assert found != bootstrap_mean(values, seed=1)


def test_the_bootstrap_resamples_images_not_columns():
    column = np.random.default_rng(0).normal(size=300)
    one, three = bootstrap_mean(column), bootstrap_mean(np.stack([column] * 3, 1))
    assert (three.low, three.high) == pytest.approx((one.low, one.high))
    assert (one.n, three.n) == (300, 900)


def test_the_bootstrap_leaves_unknown_values_out():
    values = np.array([1.0, NAN, 3.0, NAN])
    found = bootstrap_mean(values)
    assert (found.value, found.n) == (2.0, 2)
    assert found.low == 1.0
    assert found.high == 3.0


def test_one_image_has_no_interval():
    assert bootstrap_mean([0.25]) == Estimate(0.25, None, None, 1)
