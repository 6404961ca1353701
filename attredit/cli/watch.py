"""What `attredit train` shows while data are prepared and a model is trained."""

from __future__ import annotations

import shlex
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from attredit.cli.console import bar, err, is_main_process, note, progress
from attredit.cli.mapping import show_source
from attredit.cli.options import plugin_words
from attredit.progress import StagedProgress
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer, in_words

if TYPE_CHECKING:
    from rich.progress import Progress

    from attredit.data.source import DataSource

_LINE_SECONDS = 15.0
_WINDOW = 50


class Watcher(Observer, ExitStack):
    """A bar on a terminal, a line now and then elsewhere; a context, which takes the bar away at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.run: RunDirectory | None = None
        self.batch = self.total = self.saved = 0
        self._prepared: StagedProgress | None = None
        self._bar: Progress | None = None
        self._task: Any = None
        self._losses = ""
        self._said = time.perf_counter()
        self._times: deque[tuple[int, float]] = deque(maxlen=_WINDOW)

    @property
    def standing(self) -> str:
        """Where an interrupted training stands, and how to go on."""
        if self.run is None:
            return "Training had not started; images that are prepared are kept."
        if not self.saved:
            return f"No checkpoint of {self.run.path} had been written; start again."
        where = shlex.quote(str(self.run.path)) + plugin_words()
        return f"The last checkpoint is at step {self.saved}; continue with: attredit train --resume {where}"

    def on_source(self, source: DataSource) -> None:
        """Show what its columns became, and what it left out."""
        show_source(source)

    def prepared(self, done: int, total: int) -> None:
        """Progress of the preparation of data."""
        if self._prepared is None:
            self._prepared = self.enter_context(progress())
        self._prepared("Preparing images", done, total)

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Say what is trained, and open the bar."""
        self.close()
        self.run, self.batch, self.total, self.saved = run, config.batch_size, config.steps, step
        asked, size = config.request, config.image_size
        data = f"{config.data.images:,} images of {asked.dataset_name} at {size}x{size}"
        begin = f" from step {step:,}" if step else ""
        note(f"Training {asked.method_name}:{asked.preset} on {data}, {config.steps:,} steps of {self.batch}{begin}.")
        note(f"Attributes: {', '.join(config.schema_.names)}. Run directory: {run.path}")
        if asked.augment:
            note(f"Augmentation: {', '.join(asked.augment)}")
        balanced = f", balanced on {', '.join(asked.balance)}" if asked.balance else ""
        note(f"Prevalence{balanced}: {'; '.join(config.prevalences)}")
        self._times.append((step, time.perf_counter()))
        if err().is_terminal and is_main_process():
            from rich.progress import TextColumn

            columns = TextColumn("{task.fields[rate]}"), TextColumn("[dim]{task.fields[losses]}")
            self._bar = self.enter_context(bar(*columns))
            self._task = self._bar.add_task("Training", total=self.total, completed=step, rate="", losses="")

    def on_step(self, step: int) -> None:
        """Move the bar."""
        self._times.append((step, time.perf_counter()))
        if self._bar is not None:
            self._bar.update(self._task, completed=step, rate=self._rate(), losses=self._losses)

    def on_log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show current losses."""
        self._losses = in_words(metrics, "  ")
        now = time.perf_counter()
        if self._bar is None and (now - self._said > _LINE_SECONDS or step == self.total):
            self._said = now
            note(f"step {step:,} of {self.total:,}  {self._rate()}  {self._losses}")

    def on_save(self, step: int) -> None:
        """Remember from where the run could be continued."""
        self.saved = step

    def _rate(self) -> str:
        """Images per second, over the last steps."""
        (first, started), (last, now) = self._times[0], self._times[-1]
        return f"{(last - first) * self.batch / (now - started):,.0f} images/s" if last > first else ""
