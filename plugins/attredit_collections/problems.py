"""What is wrong with a collection but need not stop anyone: counted, listed, or in strict mode an error."""

from __future__ import annotations

from collections.abc import Iterable

from attredit.errors import DataError

WITHOUT_LABEL = "images of which a label is missing"

_SHOWN = 5


class Problems:
    """Collects sentences.

    Args:
        where: What they are of, for messages.
        strict: Make each an error.
    """

    def __init__(self, where: str, strict: bool) -> None:
        self.where, self.strict = where, strict
        self.sentences: list[str] = []

    def add(self, what: str, names: Iterable[str]) -> None:
        """Report things of one kind, if there are any.

        Args:
            what: What they are and what was done about them, such as "images without a label, left out".
            names: Of all of them.

        Raises:
            DataError: in strict mode.
        """
        found = list(names)
        if not found:
            return
        listing = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        sentence = f"{self.where}: {what} ({len(found):,}): {listing}."
        if self.strict:
            raise DataError(sentence, "Mend this, or do without strict=true.")
        self.sentences.append(sentence)
