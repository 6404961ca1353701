"""Everything that a report shows of a run."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from attredit.evaluation.result import Evaluation
from attredit.report.curves import Series, series_of
from attredit.report.faces import EditedFaces, edits_of
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

_FACES = 8
_SPLITS = ("test", "valid", "train")


@dataclass(frozen=True)
class Content:
    """What a report shows.

    Attributes:
        config: The run's configuration.
        summary: What the method says of itself.
        split: Where the faces come from.
        edits: By attribute.
        series: Losses over training.
        evaluation: What the model is worth; None when it was not evaluated.
        elsewhere: What is known of other collections, like `evaluation`.
        commands: The command lines that made the run and this report.
    """

    config: RunConfig
    summary: str
    split: str
    edits: tuple[EditedFaces, ...]
    series: Series
    evaluation: Evaluation | None
    elsewhere: tuple[Evaluation, ...]
    commands: tuple[str, ...]


def gather(run: RunDirectory, commands: tuple[str, ...], data_dir: str | os.PathLike[str] | None = None) -> Content:
    """Load the run, edit faces it was not trained on, and read its figures.

    Raises:
        RunError: the run cannot be read, or its data are others now.
        DataError: its data are not there.
    """
    from attredit.editing.editor import load
    from attredit.plugin.registry import installed
    from attredit.runs.data import own_collection, relocated

    registry = installed()
    config = relocated(registry, run.config(), data_dir)
    editor = load(run.path)
    collection = own_collection(registry, run, config)
    split = next(name for name in _SPLITS if name in collection.splits)
    source, store = collection.source, collection.store(split)
    evaluation, method = Evaluation.of_now(run), registry.get("method", config.request.method)
    if not commands:
        names = ("evaluate", "report") if evaluation is not None else ("report",)
        more = [shlex.join(["attredit", name, str(run.path), *config.plugin_options]) for name in names]
        commands = (config.command(run.path), *more)
    return Content(
        config,
        method.summary if method is not None else "A method that is not installed here",
        split,
        tuple(edits_of(editor, store, source, split, attribute, _FACES) for attribute in config.schema_),
        series_of(run.metrics()),
        evaluation,
        tuple(Evaluation.elsewhere(run)),
        commands,
    )
