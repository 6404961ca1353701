"""What a plugin must not do while it loads: undone where that is possible, and always told. For `loading.py`.

Nobody is stopped: a plugin may be slow, chatty or careless, and still work. Its import cannot be cut short either, so
one that hangs is named on stderr while it does, with the way to leave it out; Ctrl-C ends the command.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO, cast

from attredit.plugin.settings import Before

# Above this, a plugin's import is a plugin's fault, also on a busy machine; ours take milliseconds.
SLOW_SECONDS = 1.0

# Long enough to wonder.
_NOTICE_SECONDS = 5.0


class Conduct:
    """What was seen of a plugin while it loaded; complete when that has ended.

    Attributes:
        milliseconds: How long it took.
        warnings: What it did that it should not have, each in a few words.
    """

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.warnings: list[str] = []


@contextlib.contextmanager
def isolated(what: str) -> Iterator[Conduct]:
    """Load a plugin within: its output goes to stderr, and what it changes for others is undone.

    Args:
        what: The plugin, for the notice that it is still loading.
    """
    conduct, torch = Conduct(), "torch" in sys.modules
    notice = threading.Timer(_NOTICE_SECONDS, _tell, [what])
    notice.daemon = True
    notice.start()
    started = time.perf_counter()
    try:
        with contained(conduct):
            yield conduct
    finally:
        notice.cancel()
        if "torch" in sys.modules and not torch:
            conduct.warnings.insert(0, "imports torch, which makes every command slow")
        seconds = time.perf_counter() - started
        conduct.milliseconds = 1000 * seconds
        if seconds > SLOW_SECONDS:
            conduct.warnings.append(f"slow: took {seconds:.1f} s to load")


@contextlib.contextmanager
def contained(conduct: Conduct) -> Iterator[None]:
    """Within, output goes to stderr; afterwards settings of the whole process are what they were, and it is told."""
    stdout, before = _Stdout(), Before()
    try:
        with before, _nothing_on_stdout(), contextlib.redirect_stdout(cast(TextIO, stdout)):
            yield
    finally:
        conduct.warnings += before.undone
        if stdout.used:
            conduct.warnings.append("prints to stdout")


def _tell(what: str) -> None:
    print(
        f"Still loading {what}, for {_NOTICE_SECONDS:.0f} s now. The environment variable ATTREDIT_LOAD_PLUGINS, names "
        "with commas, can leave it out.",
        file=sys.stderr,
        flush=True,
    )


class _Stdout:
    """Stands for stdout: says whether it was used, and is stderr."""

    def __init__(self) -> None:
        self.used = False

    def write(self, text: str) -> int:
        self.used = True
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextlib.contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    """Also what libraries and processes write, which know nothing of `sys.stdout`, goes to stderr."""
    try:
        kept = os.dup(1)
    except OSError:  # this process has no stdout
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
