"""A few rows of a data source. Sent to worker processes, so importing this is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit.attributes import AttributeSchema

if TYPE_CHECKING:
    from datasets import Dataset

    from attredit.data.source import DataSource

ROWS = 24


class Few:
    """Some rows of a source, evenly spread.

    Args:
        source: All of it.
        rows: How many.
    """

    def __init__(self, source: DataSource, rows: int = ROWS) -> None:
        self.source, self.rows = source, rows
        self.schema: AttributeSchema = source.schema
        self.channels: int = source.channels
        self.splits: tuple[str, ...] = source.splits

    def fingerprint(self, split: str) -> str:
        """Another than that of all rows."""
        return f"{self.source.fingerprint(split)}-{self.rows}"

    def open(self, split: str) -> Dataset:
        """The same columns, fewer rows."""
        rows = self.source.open(split)
        return rows.select(range(0, len(rows), max(1, len(rows) // self.rows))[: self.rows])
