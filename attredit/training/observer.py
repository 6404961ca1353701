"""Who is told how training goes. Used by the trainer, which calls, and by whoever wants to look."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from attredit.data.source import DataSource
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

# So many are shown while a training goes on.
_LOSSES = 3


class Observer:
    """Called on the main process only; does nothing: override what you want to hear of."""

    def on_source(self, source: DataSource) -> None:
        """The data source was made; nothing has been read from it."""

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Training is about to start, or to go on at a step."""

    def on_step(self, step: int) -> None:
        """A step was finished."""

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of a log step."""

    def on_save(self, step: int) -> None:
        """A checkpoint was written."""

    def on_end(self) -> None:
        """Training is over, or has failed; called whenever `on_start` was."""


def in_words(metrics: Mapping[str, float], between: str) -> str:
    """The first losses of a log step, without their players."""
    named = {name.rpartition("/")[2]: value for name, value in metrics.items() if "/" in name}
    return between.join(f"{name} {value:.3g}" for name, value in list(named.items())[:_LOSSES])


class Observers(Observer):
    """Tells several, in order.

    Args:
        observers: Who is told.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._all = observers

    def on_step(self, step: int) -> None:
        """See `Observer`."""
        for observer in self._all:
            observer.on_step(step)

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        """See `Observer`."""
        for observer in self._all:
            observer.on_log(step, metrics)

    def on_save(self, step: int) -> None:
        """See `Observer`."""
        for observer in self._all:
            observer.on_save(step)


@contextlib.contextmanager
def watching(observers: Sequence[Observer], config: RunConfig, run: RunDirectory, step: int) -> Iterator[Observer]:
    """All of them as one, from the start of a training to its end."""
    with contextlib.ExitStack() as ends:
        for observer in observers:
            observer.on_start(config, run, step)
            ends.callback(observer.on_end)
        yield Observers(observers)
