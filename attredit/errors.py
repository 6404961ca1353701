"""Every error a user may see: one sentence that says what is wrong, and what to do about it.

Anything that is not an `AttrEditError` is a bug of ours. The command line prints these as one line and leaves with
`exit_code` (2: the request cannot be right; 1: it could not be carried out).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AttrEditError(Exception):
    """Base of all expected errors.

    Args:
        message: What is wrong and where, one sentence.
        hint: What to do about it, one sentence; shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[AttrEditError], tuple[str, str]]:
        # Errors travel between processes; the default would call the constructor with one joined argument.
        return type(self), (self.message, self.hint)


class UsageError(AttrEditError):
    """The request cannot be right: an unknown name, an impossible value."""

    exit_code = 2


class DataError(AttrEditError):
    """Images or labels are missing, broken or do not fit together."""

    exit_code = 2


class DataWarning(UserWarning):
    """Something is left out of a data set; commands print it as a line, and leave as if nothing had happened."""


class PluginWarning(UserWarning):
    """A plugin did what it should not while it was imported; it is undone, and a command prints a line."""


class Unchanged(UserWarning):
    """An edit left an image as it is; commands print it as a line."""


class PluginError(AttrEditError):
    """A plugin could not be loaded, or a part that a recipe names is not installed."""


class RunError(AttrEditError):
    """A run directory cannot be read, written or continued."""


class DivergenceError(AttrEditError):
    """Training left the region in which its numbers mean anything."""


class Terminated(SystemExit):
    """A signal asked this process to end. No `Exception`: whoever goes on after failures does not go on after this.

    Args:
        number: The signal's; the exit code is 128 more, as shells have it.
    """

    code: int

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


def in_one_line(error: BaseException | None) -> str:
    """What others' errors are and say, which may be several lines."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that helps with a mistyped name: the closest known one, and the list.

    >>> nearest("Smilin", ["Smiling", "Male"])
    'Did you mean Smiling? Known: Male, Smiling.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listing = f"Known: {', '.join(names)}." if names else "There are none."
    return f"Did you mean {close[0]}? {listing}" if close else listing
