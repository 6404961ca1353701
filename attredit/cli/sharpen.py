"""``attredit sharpen``: teach a run to draw finer than it decodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from attredit.cli.console import progress, say
from attredit.cli.options import (
    data_dir_option,
    data_options,
    device_option,
    from_here,
    nested,
    plugin_words,
    require_dataset,
    run_argument,
)


@click.command
@run_argument
@click.option("--dataset", metavar="NAME", help="Learn from this data set, or NAME:ARGUMENT, instead of the run's own.")
@data_dir_option("Where that data set lies; or where the run's own data lie now.")
@data_options
@click.option(
    "--detail", type=click.Choice(["2", "4", "8"]), default="4", show_default=True,
    help="How many times finer than the model's pixels edits become.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=1500, show_default=True, help="Of training.")
@device_option
def command(run: Path, dataset: str | None, data_options: Sequence[str], detail: str, **how: object) -> None:
    """Teach a run to draw its edits finer than its decoder does, from pictures that are larger than it sees.

    They may be framed in any way: each is seen in the frame that the run finds in it. The run keeps what is learnt, and
    edits of larger pictures are drawn with it from then on.
    """
    from attredit.runs.directory import RunDirectory

    require_dataset(dataset, data_options)
    size = RunDirectory(run).config().image_size  # an error about the run comes before the imports that take seconds
    from attredit.sharpening import sharpen

    with progress(unit="") as report:
        found = sharpen(run, dataset, data_options=nested(data_options), detail=int(detail), progress=report, **how)  # type: ignore[arg-type]
    fine = found.detail * size
    say(f"Edits are drawn in {fine}x{fine} pixels now, learnt from {found.images:,} pictures of {found.data}.")
    if found.measured:
        say(
            f"On {found.measured} others, of edits of which the truth is known, they have {found.sharpness:.2f} of its "
            f"detail (enlarged: {found.sharpness_enlarged:.2f}), and miss it by {255 * found.error:.1f} of 255 "
            f"(enlarged: {255 * found.error_enlarged:.1f})."
        )
    say(f"In use: attredit edit {from_here(run)} PICTURE --set ATTRIBUTE=VALUE{plugin_words()}")
