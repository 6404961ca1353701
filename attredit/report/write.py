"""Gathers everything that a report shows, and writes it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attredit.checkpoint import RunConfig, RunDirectory
from attredit.files import write_bytes, write_text
from attredit.report.curves import Series, series_of
from attredit.report.encoding import png
from attredit.report.faces import Edits, edits_of
from attredit.report.figures import read_evaluation

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
        evaluation: evaluation.json; None when the run was not evaluated.
        commands: The command lines that made the run and this report.
    """

    config: RunConfig
    summary: str
    split: str
    edits: tuple[Edits, ...]
    series: Series
    evaluation: dict[str, Any] | None
    commands: tuple[str, ...]


def write_report(
    run_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str] | None = None,
    *,
    command_lines: Sequence[str] = (),
) -> tuple[Path, Path]:
    """Write report.html, one page that needs no other file, and report.png, its summary in one picture.

    Args:
        run_dir: A run with a checkpoint.
        out_dir: Where to write; the run directory when None.
        command_lines: The commands to show; when empty they are put together from the run's configuration.

    Returns:
        The paths of the page and the picture.

    Raises:
        RunError: the run cannot be read, or the files cannot be written.
        DataError: the run's data are no longer there.
    """
    from attredit.report.page import page
    from attredit.report.summary import summary

    run = RunDirectory(run_dir)
    content = gather(run, tuple(command_lines))
    target = Path(out_dir) if out_dir is not None else run.path
    html, picture = target / "report.html", target / "report.png"
    write_text(html, page(content))
    write_bytes(picture, png(summary(content)))
    return html, picture


def gather(run: RunDirectory, commands: tuple[str, ...]) -> Content:
    """Load the run, edit faces it was not trained on, and read its figures."""
    from attredit.editor import load
    from attredit.launch import open_store, source_of
    from attredit.registry import installed
    from attredit.report.commands import method_of, train_command

    registry, config = installed(), run.config()
    editor = load(run.path)
    source = source_of(registry, config)
    split = next(name for name in _SPLITS if name in source.splits)
    store = open_store(registry, config, split)
    evaluation, method = read_evaluation(run), method_of(registry, config)
    if not commands:
        names = ("evaluate", "report") if evaluation is not None else ("report",)
        more = [shlex.join(["attredit", name, str(run.path), *config.plugin_options]) for name in names]
        commands = (train_command(registry, config, run.path), *more)
    return Content(
        config,
        method.summary if method is not None else "A method that is not installed here",
        split,
        tuple(edits_of(editor, store, source, split, attribute, _FACES) for attribute in config.schema_),
        series_of(run.metrics()),
        evaluation,
        commands,
    )
