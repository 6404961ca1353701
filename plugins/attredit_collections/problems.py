"""What is wrong with a collection but need not stop anyone: counted and listed."""

from __future__ import annotations

from collections.abc import Iterable

WITHOUT_LABEL = "images of which a label is missing"

_SHOWN = 5


class Problems:
    """Collects sentences.

    Args:
        where: What they are of, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.sentences: list[str] = []

    def add(self, what: str, names: Iterable[str]) -> None:
        """Report things of one kind, if there are any.

        Args:
            what: What they are and what was done about them, such as "images without a label, left out".
            names: Of all of them.
        """
        found = list(names)
        if not found:
            return
        listing = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        self.sentences.append(f"{self.where}: {what} ({len(found):,}): {listing}.")
