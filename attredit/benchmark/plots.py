"""Plots of a comparison, as SVG elements in the colours of the page around them."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from attredit.benchmark.compare import Comparison, Row
from attredit.report.curves import Series

Plot = tuple[str, str]

# Told apart also by readers who do not see red and green alike (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
_TEXT = "#010203"
_SIZE = (4.6, 3.2)


def tradeoff(comparison: Comparison, across: str = "leakage_mean", up: str = "edit_success") -> Plot | None:
    """Every row by two metrics, with their intervals, a colour for each method; None where fewer than two have both."""
    rows = [row for row in comparison.rows if {across, up} <= row.values.keys()]
    if len(rows) < 2:
        return None
    figure, axes = _axes(across, up)
    colours = _Colours()
    for row in rows:
        x, y = row.values[across].estimate, row.values[up].estimate
        axes.errorbar(
            x.value,
            y.value,
            xerr=_around(x),
            yerr=_around(y),
            fmt="o",
            linewidth=1,
            markersize=5,
            **colours(row.method),
        )
    return f"{up} against {across}", _svg(figure, axes)


def along(comparison: Comparison, metrics: Sequence[str] = ("edit_success", "leakage_mean", "mse")) -> list[Plot]:
    """Metrics along every number of a suite's grid, such as the KL weight; a line for every other point of the grid."""
    found = []
    for key in dict.fromkeys(key for row in comparison.rows for key in row.point):
        lines = _lines(comparison.rows, key)
        if not any(len(rows) > 1 for rows in lines.values()):
            continue
        for metric in metrics:
            if not any(metric in row.values for rows in lines.values() for _, row in rows):
                continue
            figure, axes = _axes(key, metric)
            colours = _Colours()
            for label, rows in lines.items():
                known = [(x, row.values[metric].estimate.value) for x, row in rows if metric in row.values]
                if known:
                    axes.plot(*zip(*known, strict=True), marker="o", markersize=4, **colours(label))
            if all(x > 0 for rows in lines.values() for x, _ in rows):
                axes.set_xscale("log")
            found.append((f"{metric} along {key}", _svg(figure, axes)))
    return found


def training(runs: Sequence[tuple[str, Series]]) -> Plot | None:
    """The reconstruction loss by step of runs of methods, a colour for each method; None where no run has one."""
    figure, axes = _axes("step", "rec")
    colours = _Colours()
    for method, series in runs:
        own = next((values for name, values in series.items() if name.endswith("/rec")), None)
        if own is not None:
            axes.plot(*own, linewidth=1.2, **colours(method))
    return ("Reconstruction loss in training", _svg(figure, axes)) if colours.given else None


def _lines(rows: Sequence[Row], key: str) -> dict[str, list[tuple[float, Row]]]:
    """Rows that have a number under a key of the grid, by what else they are."""
    lines: dict[str, list[tuple[float, Row]]] = {}
    for row in rows:
        value = row.point.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            rest = (f"{k}={v}" for k, v in row.point.items() if k != key)
            lines.setdefault(" ".join([row.method, *rest]), []).append((float(value), row))
    return {label: sorted(found, key=lambda pair: pair[0]) for label, found in lines.items()}


def _axes(across: str, up: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across, color=_TEXT)
    axes.set_ylabel(up, color=_TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_TEXT)
    axes.tick_params(colors=_TEXT)
    return figure, axes


def _svg(figure: Any, axes: Any) -> str:
    import matplotlib

    columns = 2 if len(axes.get_legend_handles_labels()[1]) > 3 else 3
    figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=8, labelcolor=_TEXT)
    # Names inside the drawing are made from the salt: those of two drawings on one page must differ.
    salt = "/".join([axes.get_xlabel(), axes.get_ylabel(), *axes.get_legend_handles_labels()[1]])
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 9}):
        text = StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :].replace(_TEXT, "currentColor").replace("<svg", '<svg role="img"', 1)


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
