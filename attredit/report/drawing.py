"""What matplotlib draws, as SVG elements whose colours and font are those of the page around them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any

from markupsafe import Markup, escape

TEXT, ACCENT = "#010203", "#040506"
"""Colours to draw with, which the page replaces by those of its own text and accent, light or dark."""

_LOOKS = {"svg.fonttype": "none", "axes.facecolor": "none", "font.size": 9}


def svg(label: str, size: tuple[float, float], draw: Callable[[Any], None]) -> Markup:
    """A drawing.

    Args:
        label: What it shows, for those who do not see it; no two of one page have the same.
        size: Width and height in inches.
        draw: Puts everything on the figure that it is given.
    """
    import matplotlib
    from matplotlib.figure import Figure

    # Names inside the drawing are made from the salt: those of two drawings on one page must differ.
    with matplotlib.rc_context({**_LOOKS, "svg.hashsalt": label}), warnings.catch_warnings():
        # It only measures text, which the browser draws in fonts of its own.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        text = StringIO()
        figure.savefig(text, format="svg", facecolor="none", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace(TEXT, "currentColor").replace(ACCENT, "var(--accent)")
    return Markup(drawn.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))
