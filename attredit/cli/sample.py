"""``attredit sample``: draw new images from the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import changes_of, changes_option, device_option, output_option, run_argument


@click.command
@run_argument
@click.option("-n", "number", type=click.IntRange(1, 4096), default=16, show_default=True, help="How many.")
@changes_option
@output_option("File to write. [default: samples.png]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same images.")
@device_option
def command(run: Path, number: int, changes: Sequence[str], output: Path | None, seed: int, device: str | None) -> None:
    """Draw new images from the model, in a grid; attributes that are not set are drawn evenly.

    Example: attredit sample RUN -n 16 --set Smiling=1 -o samples.png
    """
    from attredit.cli.outputs import check_format
    from attredit.editing.editor import load
    from attredit.report.encoding import write_image
    from attredit.report.grid import grid
    from attredit.runs.directory import RunDirectory

    target = output or Path("samples.png")
    check_format(target)
    wanted = changes_of(changes)
    RunDirectory(run).config().schema_.asked(wanted)  # errors before anything is loaded
    images = load(run, device).sample(number, wanted, seed=seed, output="numpy")
    across = math.ceil(math.sqrt(number))
    write_image(grid([images[i : i + across] for i in range(0, number, across)]), target)
    say(f"Wrote {target}")
