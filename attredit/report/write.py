"""Writes a report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from attredit.files import write_bytes, write_text
from attredit.html import png_of
from attredit.report import figures
from attredit.report.content import Content, gather
from attredit.report.curves import curve
from attredit.report.document import rendered
from attredit.report.summary import summary
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of


def write_report(
    run_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str] | None = None,
    *,
    command_lines: Sequence[str] = (),
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Path, Path]:
    """Write report.html, one page that needs no other file, and report.png, its summary in one picture.

    Args:
        run_dir: A run with a checkpoint.
        out_dir: Where to write; the run directory when None.
        command_lines: The commands to show; when empty they are put together from the run's configuration.
        data_dir: Where the run's data lie now, if they were moved.

    Returns:
        The paths of the page and the picture.

    Raises:
        RunError: the run cannot be read, or the files cannot be written; or its data are others now.
        DataError: the run's data are no longer there.
    """
    run = RunDirectory(directory_of(run_dir))
    content = gather(run, tuple(command_lines), data_dir)
    target = Path(out_dir) if out_dir is not None else run.path
    html, picture = target / "report.html", target / "report.png"
    write_text(html, report_page(content))
    write_bytes(picture, png_of(summary(content)))
    return html, picture


def report_page(content: Content) -> str:
    """report.html: one page with everything in it, for light and dark screens, wide and narrow."""
    *most, last = (name.replace("_", " ") for name in content.config.schema_.names)
    return rendered(
        "report/page.html.jinja",
        content=content,
        config=content.config,
        evaluation=content.evaluation,
        names=f"{', '.join(most)} and {last}" if most else last,
        shown={column for edits in content.edits for column in edits.columns},
        figures=figures,
        curve=curve,
    )
