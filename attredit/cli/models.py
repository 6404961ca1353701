"""``attredit models``: list models that may be named where a RUN is asked for."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import out


@click.command
def command() -> None:
    """List models that may be named instead of the directory of a run.

    Example: attredit edit drawn-faces photo.png --set Smiling=1
    """
    from attredit.cli.tables import table
    from attredit.runs.named import box

    rows = table("Model", "Edits", "Trained on", "Pixels", "Size", numbers=("Pixels", "Size"))
    for name, directory in box().items():
        rows.add_row(f"[bold]{name}[/]", *_facts(directory))
    out().print(rows)


def _facts(directory: Path) -> tuple[str, ...]:
    from rich.filesize import decimal

    from attredit.runs.directory import RunDirectory

    run = RunDirectory(directory)
    config = run.config()
    side = config.image_size
    data = f"{config.request.dataset}, {config.data.images:,} images"
    return ", ".join(config.schema_.names), data, f"{side}x{side}", decimal(run.model_file.stat().st_size)
