"""``attredit models``: list models that may be named where a RUN is asked for."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from rich.filesize import decimal
from rich.markup import escape

from attredit.cli.console import out
from attredit.cli.tables import table


@click.command
def command() -> None:
    """List models that may be named instead of the directory of a run.

    They come with attredit, or were fetched from the hub before and are in the cache of huggingface_hub.

    Example: attredit edit drawn-faces photo.png --set Smiling=1
    """
    from attredit.runs.hub import cached
    from attredit.runs.named import box

    rows = table("Model", "Edits", "Trained on", "Pixels", "Size", numbers=("Pixels", "Size"))
    for name, directory in (box() | cached()).items():
        if facts := _facts(directory):
            rows.add_row(f"[bold]{escape(name)}[/]", *facts)
    out().print(rows)


def _facts(directory: Path) -> tuple[str, ...]:
    """What a model is; nothing of what is no run of attredit, as other things are that were fetched from the hub."""
    from attredit.errors import RunError
    from attredit.runs.directory import RunDirectory

    run = RunDirectory(directory)
    try:
        config = run.config()
    except RunError:
        return ()
    side = config.image_size
    data = f"{config.request.dataset_name}, {config.data.images:,} images"
    return ", ".join(config.schema_.names), data, f"{side}x{side}", decimal(run.model_file.stat().st_size)
