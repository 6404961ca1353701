"""Tables of one look. Imported by commands that print one, so rich may load here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from attredit.evaluation.statistics import Estimate


def table(*columns: str, title: str = "", numbers: tuple[str, ...] = (), wrap: bool = False) -> Table:
    """An empty table.

    Args:
        *columns: Headings.
        title: Above it.
        numbers: Those of the columns that hold numbers, to be aligned on the right.
        wrap: Let headings of numbers go over several lines.
    """
    made = Table(
        box=box.SIMPLE_HEAD, title=escape(title) or None, title_justify="left", title_style="bold", pad_edge=False
    )
    for column in columns:
        made.add_column(
            column, justify="right" if column in numbers else "left", no_wrap=column in numbers and not wrap
        )
    return made


def figures_table(figures: Mapping[str, Estimate], title: str, *, names: bool = False) -> Table:
    """Figures of an evaluation, by group.

    Args:
        figures: By name.
        title: Above them.
        names: Also show their names in evaluation.json, which docs/metrics.md explains.
    """
    from attredit.report.figures import rows

    columns = ("Metric", "Value", "95 % interval", "n", *(("Name",) if names else ()))
    made = table(*columns, title=title, numbers=columns[1:4])
    group = ""
    for row in rows(figures):
        if row.group != group:
            group = row.group
            made.add_row(f"[bold cyan]{escape(group)}[/]")
        label = f"  {escape(row.label)} {row.arrow}"
        made.add_row(label, f"[bold]{row.value}[/]", row.interval, row.n, *((f"[dim]{row.name}[/]",) if names else ()))
    return made
