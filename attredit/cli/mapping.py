"""What a data source made of its columns, and what it left out, for whoever opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from attredit.cli.console import err, note
from attredit.cli.tables import table

if TYPE_CHECKING:
    from attredit.data.source import DataSource

_VALUES_SHOWN = 8


def show_source(source: DataSource) -> None:
    """Print its `mapping` and its `warnings` to stderr, where it has them."""
    if mapping := getattr(source, "mapping", ()):
        rows = table("Column", "Attribute", "Values, or why not", title="What the columns became")
        for row in mapping:
            values = ", ".join(f"{i}: {value}" for i, value in enumerate(row.values[:_VALUES_SHOWN]))
            more = f", and {len(row.values) - _VALUES_SHOWN} more" if len(row.values) > _VALUES_SHOWN else ""
            name = "[dim]left out[/]" if row.attribute is None else f"[bold]{escape(row.attribute)}[/]"
            missing = f"; {row.missing:,} missing" if row.missing else ""
            rows.add_row(escape(row.column), name, escape(row.reason or values + more + missing))
        err().print(rows)
    for warning in getattr(source, "warnings", ()):
        note(f"Warning: {warning}", fg="yellow")
