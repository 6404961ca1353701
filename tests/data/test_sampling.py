"""The order of the data is a pure function of seed and step."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attredit.data import indices_of_step

SIZES = {"n": st.integers(1, 40), "batch": st.integers(1, 50), "seed": st.integers(0, 2**40)}


@given(**SIZES)
def test_every_epoch_sees_every_image_once(n: int, batch: int, seed: int) -> None:
    steps = -(-3 * n // batch)
    order = np.concatenate([indices_of_step(n, batch, seed, s) for s in range(steps)])[: 3 * n]
    for epoch in order.reshape(3, n):
        assert sorted(epoch) == list(range(n))


@given(step=st.integers(0, 10**6), **SIZES)
def test_nothing_is_remembered_between_steps(n: int, batch: int, seed: int, step: int) -> None:
    once = indices_of_step(n, batch, seed, step)
    assert once.shape == (batch,)
    assert once.dtype == np.int64
    for other in (1, 2, 3):  # as much as forgets what was remembered
        indices_of_step(n, batch, seed + other, step + 3)
    np.testing.assert_array_equal(indices_of_step(n, batch, seed, step), once)


@given(**SIZES)
def test_batches_of_another_size_follow_the_same_order(n: int, batch: int, seed: int) -> None:
    halves = [indices_of_step(n, batch, seed, step) for step in (4, 5)]
    np.testing.assert_array_equal(np.concatenate(halves), indices_of_step(n, 2 * batch, seed, 2))


def test_seeds_and_epochs_differ() -> None:
    assert indices_of_step(100, 100, 0, 0).tolist() != indices_of_step(100, 100, 1, 0).tolist()
    assert indices_of_step(100, 100, 0, 0).tolist() != indices_of_step(100, 100, 0, 1).tolist()


def test_what_is_returned_can_be_changed_without_harm() -> None:
    before = indices_of_step(10, 10, 0, 0).copy()
    indices_of_step(10, 10, 0, 0)[:] = -1
    np.testing.assert_array_equal(indices_of_step(10, 10, 0, 0), before)
