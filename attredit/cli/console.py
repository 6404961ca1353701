"""What commands print. Only the main process of a launch prints; progress goes to stderr, results to stdout."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from attredit.errors import DataWarning, PluginWarning, Unchanged
from attredit.progress import Pace, StagedProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_QUIET_SECONDS = 15.0


def is_main_process() -> bool:
    """False in all but one process of a launch by ``torch.distributed.run`` or the like, which says how many there are.

    RANK alone may be anybody's variable.
    """
    launched = os.environ.get("WORLD_SIZE", "1") != "1"
    return not launched or os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


# What commands print, for terminals and files that cannot take it.
_PLAIN = {
    "↑": "^",
    "↓": "v",
    "✓": "+",
    "✗": "x",
    "–": "-",
    "’": "'",
    "…": "...",
    "×": "x",
    "→": "->",
    "²": "^2",
    "³": "^3",
}


def make_printable() -> None:
    """Have stdout and stderr write plain signs where their encoding lacks one, rather than fail (cp1252: arrows)."""
    codecs.register_error("attredit", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="attredit")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    said = "".join(_PLAIN.get(sign, "?") for sign in error.object[error.start : error.end])
    return said.encode(error.encoding, "replace").decode(error.encoding), error.end


def say(line: str = "", **style: Any) -> None:
    """Print a line to stdout, unwrapped; styles are those of `click.style`."""
    if is_main_process():
        click.secho(line, **style)


def note(line: str, **style: Any) -> None:
    """Print a line about what is going on to stderr."""
    if is_main_process():
        click.secho(line, err=True, **style)


@contextlib.contextmanager
def showing_warnings() -> Iterator[None]:
    """Print a `DataWarning`, `PluginWarning` or `Unchanged` as a line of ours; other warnings as Python does."""
    with warnings.catch_warnings():
        as_python_does = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, DataWarning | PluginWarning | Unchanged):
                note(f"Warning: {message}", fg="yellow")
            else:
                as_python_does(message, category, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", Unchanged)  # a picture may be asked for twice
        yield


@cache
def out() -> Console:
    """Where tables and trees go; as wide as they are when nobody looks, so that no path is broken."""
    from rich.console import Console

    console = Console(quiet=not is_main_process(), highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 1000
    return console


@cache
def err() -> Console:
    """Where progress bars go."""
    from rich.console import Console

    return Console(stderr=True, quiet=not is_main_process(), highlight=False)


def bar(*middle: Any) -> Progress:
    """A progress bar with rate and time left; columns may be added in its middle."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        *(middle or (TextColumn("{task.fields[rate]}"),)),
        TimeRemainingColumn(compact=True),
        console=err(),
        expand=True,
        transient=True,
    )


@contextlib.contextmanager
def progress(unit: str = "images") -> Iterator[StagedProgress]:
    """Yield ``report(what, done, total)``: a bar for each `what` on a terminal, else a line now and then.

    Args:
        unit: Of what is counted, for the rate; nothing where each `what` counts something else.
    """
    if not is_main_process():
        yield lambda what, done, total: None
    elif err().is_terminal:
        with bar() as shown:
            yield _Bars(shown, unit)
    else:
        yield _Lines(unit)


def _rate(pace: Pace, done: int, unit: str) -> str:
    """In words; nothing where a number would say nothing."""
    rate = pace.at(done)
    return f"{rate:,.0f}{f' {unit}' if unit else ''}/s" if rate >= 1 else ""


class _Bars:
    def __init__(self, shown: Progress, unit: str) -> None:
        self.shown, self.unit = shown, unit
        self.tasks: dict[str, tuple[Any, Pace]] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self.tasks:
            self.tasks[what] = (self.shown.add_task(what, total=total, rate=""), Pace(done))
        task, pace = self.tasks[what]
        self.shown.update(task, completed=done, total=total, rate=_rate(pace, done, self.unit))


class _Lines:
    """A line at the start, at the end, and every few seconds between them."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.paces: dict[str, Pace] = {}
        self.last: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.perf_counter()
        pace = self.paces.setdefault(what, Pace(done))
        if done >= total or now - self.last.get(what, float("-inf")) > _QUIET_SECONDS:
            self.last[what] = now
            rate = _rate(pace, done, self.unit)
            note(f"{what}: {done:,} of {total:,}{f', {rate}' if rate else ''}")
