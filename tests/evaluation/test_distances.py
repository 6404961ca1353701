"""Distances between sets: closed forms, a literal double loop, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attredit.evaluation.distances import frechet, kernel


def normal(n, mean, deviation, seed):
    """(n, D) whose sample mean and covariance are exactly those of independent N(mean, deviation²)."""
    x = torch.randn(n, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x -= x.mean(0)
    whiten = torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T).reshape(len(mean), len(mean))))
    return x @ whiten.T * torch.tensor(deviation) + torch.tensor(mean)


def test_frechet_of_independent_normals_has_a_closed_form():
    # |mx - my|² + sum of (sx - sy)² = 9 + 16 + 1 + 4
    found = frechet(normal(50, [0.0, 0.0], [1.0, 3.0], 0), normal(70, [3.0, 4.0], [2.0, 1.0], 1))
    assert found.value == pytest.approx(30)


def test_frechet_of_correlated_normals():
    # For commuting covariances [[2, 1], [1, 2]] and 4 I, whose eigenvalues are 1, 3 and 4: (1 - 2)² + (sqrt 3 - 2)².
    x, y = normal(60, [0.0, 0.0], [1.0, 1.0], 0), normal(60, [0.0, 0.0], [2.0, 2.0], 1)
    x = x @ torch.linalg.cholesky(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)).T
    assert frechet(x, y).value == pytest.approx(1 + (3**0.5 - 2) ** 2)


def test_frechet_of_covariances_that_do_not_commute():
    a = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)
    b = torch.diag(torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64))
    x, y = (normal(40, [0.0] * 3, [1.0] * 3, i) @ torch.linalg.cholesky(c).T for i, c in enumerate((a, b)))
    # tr (ab)^1/2 is the sum of the roots of the eigenvalues of ab, which is not symmetric.
    root = float(torch.linalg.eigvals(a @ b).real.sqrt().sum())
    assert frechet(x, y).value == pytest.approx(6 + 8 - 2 * root)


def test_equal_sets_are_nowhere_apart_even_if_flat():
    x = normal(30, [1.0, 2.0], [1.0, 0.5], 0)
    flat = torch.cat([x, torch.ones(30, 3, dtype=torch.float64)], 1)
    for distance in (frechet(x, x), frechet(flat, flat)):
        assert distance.value == pytest.approx(0, abs=1e-12)
        assert distance.first.abs().max() == pytest.approx(0, abs=1e-9)


def test_kernel_by_a_literal_double_loop():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(4, 3)), random.normal(size=(5, 3)) + 1

    def k(a, b):
        return (sum(a[i] * b[i] for i in range(3)) / 3 + 1) ** 3

    same = sum(k(x[i], x[j]) for i in range(4) for j in range(4) if i != j) / (4 * 3)
    same += sum(k(y[i], y[j]) for i in range(5) for j in range(5) if i != j) / (5 * 4)
    other = sum(k(a, b) for a in x for b in y) / (4 * 5)
    assert kernel(torch.tensor(x), torch.tensor(y)).value == pytest.approx(same - 2 * other)


def test_kernel_is_unbiased():
    random = torch.Generator().manual_seed(0)
    found = [kernel(*torch.randn(2, 12, 2, generator=random)).value for _ in range(2000)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 2000**0.5
    assert min(found) < 0


@pytest.mark.parametrize("distance", [frechet, kernel])
def test_influence_is_what_a_little_more_weight_does(distance):
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 3, generator=random).double(), 0.5 + 2 * torch.randn(50, 3, generator=random).double()
    found = distance(x, y)
    assert float(found.first.mean()) == pytest.approx(0, abs=1e-9)
    assert float(found.second.mean()) == pytest.approx(0, abs=1e-9)
    for side, i in ((0, 7), (1, 11)):
        sets = [x.repeat(50, 1), y.repeat(50, 1)]
        whole = distance(*sets)
        n = len(sets[side])
        sets[side] = torch.cat([sets[side], sets[side][i : i + 1]])
        # The weight of one of n + 1.
        slope = (distance(*sets).value - whole.value) * (n + 1)
        assert slope == pytest.approx(float(whole[1 + side][i]), rel=0.02, abs=0.02)


@pytest.mark.parametrize(("distance", "truth"), [(frechet, 2 * 0.5**2 + 2 * 0.5**2), (kernel, None)])
def test_influences_tell_how_much_the_distance_varies(distance, truth):
    random, found, errors = torch.Generator().manual_seed(1), [], []
    for _ in range(300):
        x, y = torch.randn(200, 2, generator=random), 0.5 + 1.5 * torch.randn(200, 2, generator=random)
        one = distance(x, y)
        found.append(one.value)
        errors.append(float(one.first.var() / 200 + one.second.var() / 200) ** 0.5)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.12)
    if truth is not None:
        held = np.mean([abs(v - truth) < 1.96 * e for v, e in zip(found, errors, strict=True)])
        assert 0.91 < held < 0.985
