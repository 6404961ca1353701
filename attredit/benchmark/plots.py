"""Plots of a comparison, as SVG elements in the colours of the page around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from attredit.benchmark.compare import Comparison, Row
from attredit.report.curves import Series
from attredit.report.drawing import TEXT, svg

Plot = tuple[str, Markup]

# Told apart also by readers who do not see red and green alike (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
_SIZE = (4.6, 3.2)


def tradeoff(comparison: Comparison, across: str = "leakage_mean", up: str = "edit_success") -> Plot | None:
    """Every row by two metrics, with their intervals, a colour for each method; None where fewer than two have both."""
    rows = [row for row in comparison.rows if {across, up} <= row.values.keys()]
    if len(rows) < 2:
        return None

    def draw(axes: Any, colours: _Colours) -> None:
        for row in rows:
            x, y = row.values[across].estimate, row.values[up].estimate
            intervals = {"xerr": _around(x), "yerr": _around(y)}
            axes.errorbar(x.value, y.value, fmt="o", linewidth=1, markersize=5, **intervals, **colours(row.method))

    return _plot(comparison.title, f"{up} against {across}", across, up, draw)


def along(comparison: Comparison, metrics: Sequence[str] = ("edit_success", "leakage_mean", "mse")) -> list[Plot]:
    """Metrics along every number of a suite's grid, such as the KL weight; a line for every other point of the grid."""
    found = []
    for key in dict.fromkeys(key for row in comparison.rows for key in row.point):
        lines = _lines(comparison.rows, key)
        if not any(len(rows) > 1 for rows in lines.values()):
            continue
        for metric in metrics:
            known = {label: [(x, row) for x, row in rows if metric in row.values] for label, rows in lines.items()}
            if any(known.values()):
                draw = partial(_draw_lines, metric, {label: rows for label, rows in known.items() if rows})
                found.append(_plot(comparison.title, f"{metric} along {key}", key, metric, draw))
    return found


def training(title: str, runs: Sequence[tuple[str, Series]]) -> Plot | None:
    """The reconstruction loss by step of runs of methods, a colour for each method; None where no run has one.

    Args:
        title: Of the comparison.
        runs: Methods, and losses of a run of each.
    """
    known = [(method, own) for method, series in runs for name, own in series.items() if name.endswith("/rec")]
    if not known:
        return None

    def draw(axes: Any, colours: _Colours) -> None:
        for method, (steps, values) in known:
            axes.plot(steps, values, linewidth=1.2, **colours(method))

    return _plot(title, "Reconstruction loss in training", "step", "rec", draw)


def _draw_lines(metric: str, lines: Mapping[str, list[tuple[float, Row]]], axes: Any, colours: _Colours) -> None:
    for label, rows in lines.items():
        points = [(x, row.values[metric].estimate.value) for x, row in rows]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, **colours(label))
    if all(x > 0 for rows in lines.values() for x, _ in rows):
        axes.set_xscale("log")


def _lines(rows: Sequence[Row], key: str) -> dict[str, list[tuple[float, Row]]]:
    """Rows that have a number under a key of the grid, by what else they are."""
    lines: dict[str, list[tuple[float, Row]]] = {}
    for row in rows:
        value = row.point.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            rest = (f"{k}={v}" for k, v in row.point.items() if k != key)
            lines.setdefault(" ".join([row.method, *rest]), []).append((float(value), row))
    return {label: sorted(found, key=lambda pair: pair[0]) for label, found in lines.items()}


def _plot(table: str, title: str, across: str, up: str, draw: Callable[[Any, _Colours], None]) -> Plot:
    """One pair of axes with a legend above it."""

    def whole(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.set_xlabel(across, color=TEXT)
        axes.set_ylabel(up, color=TEXT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(TEXT)
        axes.tick_params(colors=TEXT)
        colours = _Colours()
        draw(axes, colours)
        columns = 2 if len(colours.given) > 3 else 3
        figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=8, labelcolor=TEXT)

    return title, svg(f"{table}: {title}", _SIZE, whole)


def _around(estimate: Any) -> list[list[float]] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return [[max(0.0, estimate.value - estimate.low)], [max(0.0, estimate.high - estimate.value)]]


class _Colours:
    """Matplotlib's colour and label for each method, the label but once."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def __call__(self, method: str) -> dict[str, str]:
        if method in self.given:
            return {"color": self.given[method], "label": "_nolegend_"}
        self.given[method] = _COLOURS[len(self.given) % len(_COLOURS)]
        return {"color": self.given[method], "label": method}
