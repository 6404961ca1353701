"""Counts and correlations against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attredit.attributes import Attribute, AttributeSchema
from attredit.inspection.statistics import association, associations, counts_of

A, B, HAIR = Attribute("A"), Attribute("B"), Attribute("Hair", ("black", "brown", "blond"))


def of_table(table: list[list[int]], first: Attribute, second: Attribute) -> float:
    """The association of labels that give this contingency table."""
    rows = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return association(counts_of(AttributeSchema((first, second)), np.array(rows)), first, second)


def test_phi_has_a_sign() -> None:
    # (40 * 30 - 10 * 20) / sqrt(50 * 50 * 60 * 40) = 1000 / 2449.49
    assert of_table([[40, 10], [20, 30]], A, B) == pytest.approx(1000 / math.sqrt(6_000_000))
    assert of_table([[10, 40], [30, 20]], A, B) == pytest.approx(-1000 / math.sqrt(6_000_000))
    assert of_table([[7, 0], [0, 3]], A, B) == pytest.approx(1)
    assert of_table([[0, 7], [3, 0]], A, B) == pytest.approx(-1)
    assert of_table([[10, 20], [30, 60]], A, B) == 0


def test_phi_is_pearsons_correlation() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (500, 2)) | np.random.default_rng(1).integers(0, 2, (500, 1))
    found = association(counts_of(AttributeSchema((A, B)), labels), A, B)
    assert found == pytest.approx(np.corrcoef(labels.T)[0, 1])


def test_cramers_v_where_one_has_more_values() -> None:
    # 10 are expected in every cell, four of which are off by 5: chi² = 4 * 25 / 10 = 10, n = 60, k - 1 = 1.
    assert of_table([[15, 5, 10], [5, 15, 10]], A, HAIR) == pytest.approx(math.sqrt(10 / 60))
    assert of_table([[10, 10, 10], [10, 10, 10]], A, HAIR) == pytest.approx(0)
    assert of_table([[9, 0, 0], [0, 5, 0], [0, 0, 4]], HAIR, Attribute("Eyes", ("x", "y", "z"))) == pytest.approx(1)
    # A value that nobody has does not count.
    assert of_table([[9, 0, 0], [0, 0, 4]], A, HAIR) == pytest.approx(1)


def test_one_value_only_has_no_correlation() -> None:
    assert math.isnan(of_table([[40, 10]], A, B))
    assert math.isnan(of_table([[3, 0, 0], [4, 0, 0]], A, HAIR))


def test_counts_leave_out_what_is_missing() -> None:
    schema = AttributeSchema((A, HAIR))
    counts = counts_of(schema, np.array([[0, 0], [1, 2], [1, -1], [-1, 2], [1, 2]]))
    assert counts.images == 5
    assert counts.of("A").tolist() == [1, 3]
    assert counts.of("Hair").tolist() == [1, 0, 3]
    assert counts.table("A", "Hair").tolist() == [[1, 0, 0], [0, 0, 2]]
    assert association(counts, A, HAIR) == pytest.approx(1)


def test_many_rows_are_counted_in_parts() -> None:
    labels = np.tile([[0, 1], [1, 1], [1, 0]], (50_000, 1))
    assert counts_of(AttributeSchema((A, B)), labels).table("A", "B").tolist() == [[0, 50_000], [50_000, 50_000]]


def test_the_matrix_is_symmetric_and_in_the_order_of_the_schema() -> None:
    schema = AttributeSchema((A, HAIR, B))
    counts = counts_of(schema, np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0], [1, 2, 1]]))
    matrix = associations(counts)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 1)
    assert matrix[0, 2] == pytest.approx(association(counts, A, B)) == pytest.approx(-1 / math.sqrt(3))
