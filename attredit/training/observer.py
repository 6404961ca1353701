"""Who is told how training goes. Used by the trainer, which calls, and by whoever wants to look."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attredit.data.source import DataSource
    from attredit.runs.config import RunConfig
    from attredit.runs.directory import RunDirectory


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


@contextlib.contextmanager
def also_tensorboard(observer: Observer, run: RunDirectory, step: int) -> Iterator[Observer]:
    """An observer that passes everything on and writes metrics to ``RUN/tensorboard`` as well.

    Args:
        observer: Who else is told.
        run: The run that is trained.
        step: Where training starts; what an interrupted one wrote beyond that is forgotten, for it comes again.
    """
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run.path / "tensorboard"), purge_step=step + 1) as writer:
        yield _Both(observer, writer)


class _Both(Observer):
    def __init__(self, observer: Observer, writer: Any) -> None:
        self.observer, self.writer = observer, writer

    def on_step(self, step: int) -> None:
        self.observer.on_step(step)

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)
        self.observer.on_log(step, metrics)

    def on_save(self, step: int) -> None:
        self.observer.on_save(step)
