"""What a data set is, as one HTML page in the looks of a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from markupsafe import Markup

from attredit.attributes import Attribute
from attredit.inspection.collection import GROUPS, Inspection, warnings_of
from attredit.report.document import rendered
from attredit.report.drawing import TEXT, svg
from attredit.report.faces import value_title
from attredit.report.grid import Pixels

_SHOWN_OF_GROUP = 4
_DARK, _LIGHT = "#1c2126", "#ffffff"
# Up to so many attributes there is room for figures.
_MOST_FIGURES = 14


def inspection_page(inspection: Inspection, command: str) -> str:
    """The whole page.

    Args:
        inspection: What to show.
        command: The command line that made it.
    """
    schema, geometry = inspection.schema, inspection.stores[inspection.first].geometry
    facts = {f"Images in {split}": f"{len(own):,}" for split, own in inspection.stores.items()}
    facts["Attributes"] = str(len(schema))
    facts["Prepared at"] = f"{geometry.size} × {geometry.size}, {geometry.channels} channels"
    return rendered(
        "inspection/page.html.jinja",
        inspection=inspection,
        command=command,
        facts=facts,
        warnings=warnings_of(inspection),
        matrix=matrix_svg(inspection.associations[inspection.first], schema.names) if len(schema) > 1 else None,
        examples=partial(_examples, inspection),
        groups=[group[:_SHOWN_OF_GROUP] for group in inspection.duplicates.groups(GROUPS)],
    )


def _examples(inspection: Inspection, attribute: Attribute) -> Iterator[tuple[str, int, Pixels]]:
    """Of each value that some images have, the last first: what it is called, how many images are shown, and these."""
    images = inspection.stores[inspection.first].images
    for value in reversed(range(len(attribute.values))):
        rows = inspection.examples(attribute, value)
        if len(rows):
            yield value_title(attribute, value).replace("_", " "), len(rows), np.concatenate(images[rows], axis=1)


def matrix_svg(matrix: np.ndarray, names: Sequence[str]) -> Markup:
    """Correlations as an SVG element: red where two attributes come together, blue where they exclude each other.

    Grey where one of them has one value only.

    Args:
        matrix: (n, n) from -1 to 1, or not a number.
        names: Of the attributes.
    """
    side = 2.2 + max(2.0, 0.34 * len(names))
    shown = [name.replace("_", " ") for name in names]
    label = f"Correlations of {len(names)} attributes"
    return svg(label, (side + 0.8, side), lambda figure: _draw(figure, matrix, shown))


def _draw(figure: Any, matrix: np.ndarray, names: Sequence[str]) -> None:
    axes = figure.add_subplot()
    axes.set_facecolor("#b9bec4")
    mesh = axes.pcolormesh(np.ma.masked_invalid(matrix), cmap="RdBu_r", vmin=-1, vmax=1, linewidth=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, rotation=90)
    axes.set_yticks(places, names)
    axes.tick_params(colors=TEXT, length=0)
    bar = figure.colorbar(mesh, ax=axes, shrink=0.6)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=TEXT, length=0)
    if len(names) <= _MOST_FIGURES:
        for (row, column), value in np.ndenumerate(matrix):
            # Rounded first, and 0 added: no minus before a zero.
            shown = "–" if np.isnan(value) else f"{round(value, 2) + 0:.2f}".replace("0.", ".").replace("1.00", "1")
            colour = _LIGHT if abs(value) > 0.6 else _DARK
            axes.text(column + 0.5, row + 0.5, shown, ha="center", va="center", color=colour, fontsize=7)
