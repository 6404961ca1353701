"""Plots: what is drawn, of which rows."""

from __future__ import annotations

import re

from made import cell_of

from attredit.benchmark.compare import Comparison, Row, Value
from attredit.benchmark.plots import along, tradeoff, training
from attredit.benchmark.suite import read_suite, short
from attredit.evaluation.statistics import Estimate


def row(label: str, point: dict[str, object], **figures: float) -> Row:
    values = {name: Value(Estimate(v, v - 0.01, v + 0.01, 10)) for name, v in figures.items()}
    return Row(label, point, (0,), 1, (), (), values)


def comparison(*rows: Row) -> Comparison:
    return Comparison("made", cell_of(), (), rows, ())


def words(svg: str) -> set[str]:
    return set(re.findall(r">\s*([^<>\s][^<>]*?)\s*</text>", svg))


def test_a_number_of_the_grid_becomes_an_axis_and_everything_else_a_line() -> None:
    rows = [
        row(f"ours, wide kl={kl} factorizer={use}", {"kl": kl, "factorizer": use}, edit_success=kl, mse=0.1)
        for use in ("mmd", "flip")
        for kl in (0.01, 0.1, 1.0)
    ]
    plots = dict(along(comparison(*rows)))
    assert set(plots) == {"edit_success along kl", "mse along kl"}
    drawn = words(plots["edit_success along kl"])
    assert {"ours, wide factorizer=mmd", "ours, wide factorizer=flip", "kl", "edit_success"} <= drawn
    assert not any("e-0" in word for word in drawn)


def test_the_leakage_suite_draws_a_line_of_five_weights_for_every_method() -> None:
    suite = read_suite("leakage")
    points = [(label, {short(k): v for k, v in point.items()}) for label, _, point in suite.points()]
    rows = [row(label, point, edit_success=0.5) for label, point in points]
    drawn = words(dict(along(comparison(*rows)))["edit_success along kl"])
    assert {entry.title for entry in suite.methods} <= drawn
    assert not any("kl=" in word for word in drawn)


def test_the_places_of_a_method_in_the_grid_share_a_colour_and_one_line_of_the_legend() -> None:
    rows = [row(f"{m} kl={kl}", {"kl": kl}, edit_success=kl, leakage_mean=kl) for m in "ab" for kl in (0.2, 0.4, 0.6)]
    plot = tradeoff(comparison(*rows))
    assert plot is not None
    assert {"a", "b"} <= words(plot[1])
    assert not any("kl=" in word for word in words(plot[1]))
    curves = training("made", [(r.method, {"autoencoder/rec": ([1, 2], [2.0, 1.0])}) for r in rows])
    assert curves is not None
    assert re.findall(r">\s*([ab])\s*</text>", curves[1]) == ["a", "b"]


def test_without_numbers_in_the_grid_there_is_no_axis() -> None:
    assert along(comparison(row("a", {"factorizer": "mmd"}, mse=1.0), row("b", {"factorizer": "flip"}, mse=2.0))) == []
    assert along(comparison(row("a", {"kl": 1.0}, mse=1.0))) == []


def test_one_metric_against_another_needs_two_rows_that_have_both() -> None:
    first, second = row("a", {}, edit_success=0.9, leakage_mean=0.6), row("b", {}, edit_success=0.5)
    assert tradeoff(comparison(first, second)) is None
    plot = tradeoff(comparison(first, row("b", {}, edit_success=0.5, leakage_mean=0.9)))
    assert plot is not None
    assert {"a", "b", "edit_success", "leakage_mean"} <= words(plot[1])


def test_reconstruction_losses_are_drawn_where_there_are_any() -> None:
    assert training("made", [("a", {"autoencoder/kl": ([1], [2.0])})]) is None
    plot = training("made", [("a", {"autoencoder/rec": ([1, 2], [2.0, 1.0])}), ("b", {})])
    assert plot is not None
    assert "a" in words(plot[1])
    assert "b" not in words(plot[1])
