"""Losses over training, drawn by matplotlib: one small plot a loss, since no two have the same scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from markupsafe import Markup
from PIL.Image import Image

from attredit.report.drawing import ACCENT, TEXT, svg
from attredit.report.grid import INK, MUTED

Series = dict[str, tuple[list[int], list[float]]]

_LINE = "#3b6fd4"
_DPI = 100


def series_of(lines: Iterable[Mapping[str, Any]]) -> Series:
    """Steps and values of every loss, from the lines of metrics.jsonl; a loss may start late."""
    found: Series = {}
    for line in lines:
        for name, value in line.items():
            if "/" in name:
                steps, values = found.setdefault(name, ([], []))
                steps.append(int(line["step"]))
                values.append(float(value))
    return found


def curve(name: str, steps: list[int], values: list[float]) -> Markup:
    """One curve as an SVG element."""
    label = f"{name} from {values[0]:.3g} to {values[-1]:.3g}"
    return svg(label, (2.8, 1.7), lambda figure: _draw(figure.add_subplot(), steps, values, TEXT, ACCENT))


def panel(series: Series, width: int, height: int, columns: int = 2) -> Image:
    """All curves in one picture of a size in pixels, on white."""
    import matplotlib
    from matplotlib.figure import Figure
    from PIL import Image

    # Twice the resolution, then reduced: matplotlib's own text is rough at this size.
    rows = -(-len(series) // columns)
    with matplotlib.rc_context({"font.size": 8, "savefig.facecolor": "white"}):
        figure = Figure(figsize=(width / _DPI, height / _DPI), layout="constrained")
        for i, (name, (steps, values)) in enumerate(series.items()):
            axes = figure.add_subplot(rows, columns, i + 1)
            _draw(axes, steps, values, MUTED, _LINE)
            axes.set_title(name.rpartition("/")[2], loc="left", fontsize=9, color=INK)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=2 * _DPI, metadata={"Software": None})
    with Image.open(buffer) as drawn:
        return drawn.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _draw(axes: Any, steps: list[int], values: list[float], text: str, line: str) -> None:
    """One curve: no frame, few ticks."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.plot(steps, values, color=line, linewidth=1.4, marker="o" if len(steps) == 1 else None)
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(text)
        axes.spines[side].set_alpha(0.35)
    axes.tick_params(colors=text, length=2)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1000:g}k" if x >= 1000 else f"{x:g}"))
