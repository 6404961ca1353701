"""What a check of a plugin found. Imported by the command line before anything is computed, so torch stays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

State = Literal["passed", "failed", "skipped"]

DOCS = "docs/conformance.md"


class Broken(Exception):
    """A promise is not kept; raised by the functions that check one.

    Args:
        expected: What the core promises to others about such a component.
        found: What this one does instead.
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}; found {found}")
        self.expected, self.found = expected, found


class Skipped(Exception):
    """A promise that cannot be checked here; the text says why."""


@dataclass(frozen=True)
class Check:
    """One promise, checked on one component.

    Attributes:
        promise: Its name, which is also its heading in docs/conformance.md.
        component: ``plugin/name``, or the plugin's name for promises of the plugin itself.
        kind: The component's kind, or "plugin".
        state: Whether it is kept; "skipped" where it cannot be checked.
        expected: What was expected, if it failed.
        found: What was found, if it failed.
        note: Figures, or why it was skipped.
        milliseconds: How long the check took.
        traceback: Where an exception came from, if one did.
    """

    promise: str
    component: str
    kind: str
    state: State
    expected: str = ""
    found: str = ""
    note: str = ""
    milliseconds: float = 0.0
    traceback: str = ""

    @property
    def page(self) -> str:
        """The place in the documentation that explains the promise."""
        return f"{DOCS}#{self.promise}"

    def __str__(self) -> str:
        head = f"{self.promise}: {self.kind} {self.component} {self.state}"
        if self.state != "failed":
            return f"{head}{f': {self.note}' if self.note else ''}"
        lines = [f"  expected: {self.expected}", f"  found:    {self.found}", f"  see:      {self.page}"]
        return "\n".join([head, *lines])


@dataclass
class Report:
    """Everything that was checked of one plugin.

    Attributes:
        plugin: Its name.
        checks: In the order in which they were done.
    """

    plugin: str
    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        """The promises that are broken."""
        return [check for check in self.checks if check.state == "failed"]

    @property
    def counts(self) -> Counter[str]:
        """How many checks passed, failed and were skipped."""
        return Counter(check.state for check in self.checks)

    def of(self, promise: str) -> Iterator[Check]:
        """The checks of one promise."""
        return (check for check in self.checks if check.promise == promise)


class BrokenPromises(AssertionError):
    """A plugin breaks promises; the text lists every failure.

    Args:
        report: What was checked.

    Attributes:
        report: The same.
    """

    def __init__(self, report: Report) -> None:
        failed = report.failed
        count = f"{len(failed)} promise{'s' if len(failed) > 1 else ''}"
        super().__init__("\n\n".join([f"Plugin {report.plugin} breaks {count}.", *map(str, failed)]))
        self.report = report
