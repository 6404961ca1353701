"""What a scheduler's SIGTERM does: work is unwound, and a training finishes its step and saves before it is.

The command line and the workers of benchmarks are `stoppable`; the trainer takes its steps within `finishing`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attredit.errors import Terminated

# A terminal that is closed sends the second, which Windows lacks.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class _Asked:
    """Of this process: whether somebody finishes what he does first, and which signal asked him to end."""

    finishing = False
    signal = 0


def _end(number: int, frame: Any) -> None:
    if not _Asked.finishing or _Asked.signal:  # asked again, it ends at once
        raise Terminated(number)
    _Asked.signal = number


@contextmanager
def stoppable(*signals: int) -> Iterator[None]:
    """Within, a signal raises `Terminated` in the main thread, at once or where a training can be saved.

    Args:
        *signals: Those that do; when none is given, SIGTERM and SIGHUP, unless they are ignored or somebody's already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = signals or [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    before = {number: signal.signal(number, _end) for number in wanted}
    try:
        yield
    finally:
        _Asked.signal = 0
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def finishing() -> Iterator[Callable[[], int]]:
    """Within, a first signal is only noted: yields what says which it was, 0 for none.

    Whoever finishes looks often, and raises `Terminated` himself.
    """
    _Asked.finishing = True
    try:
        yield lambda: _Asked.signal
    finally:
        _Asked.finishing = False
