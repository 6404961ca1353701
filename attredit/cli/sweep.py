"""``attredit sweep``: show one attribute from less to more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import device_option, output_option, run_argument
from attredit.errors import UsageError


@click.command
@run_argument
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURE...")
@click.option("--attr", "attribute", metavar="NAME", help="A binary attribute; by default the run's first one.")
@output_option("File to write. [default: sweep.png]")
@click.option(
    "--values", default="-0.5,0,0.25,0.5,0.75,1,1.5", show_default=True, metavar="LIST", help="Left to right."
)
@device_option("cpu")
def command(
    run: Path, pictures: Sequence[Path], attribute: str | None, output: Path | None, values: str, device: str | None
) -> None:
    """Decode pictures with one attribute from less to more: a strip for each, below each other.

    Example: attredit sweep RUN photo.png --attr Smiling -o strip.png
    """
    from attredit.checkpoint import RunDirectory
    from attredit.cli.outputs import check_format
    from attredit.editor import load
    from attredit.report.encoding import write_image
    from attredit.report.grid import grid

    target = output or Path("sweep.png")
    check_format(target)
    numbers = _numbers(values)
    schema = RunDirectory(run).config().schema_
    name = attribute or schema.names[0]
    if not schema.attributes[schema.index(name)].binary:
        raise UsageError(f"{name} is not binary: there is nothing between its values.", "Use attredit edit.")
    editor = load(run, device)
    rows: list[list[Any]] = [[] for _ in pictures]
    for number in numbers:
        decoded = editor.edit(list(pictures), {name: number}, mode="decoded", output="numpy")
        for row, image in zip(rows, decoded, strict=True):
            row.append(image)
    write_image(grid(rows, columns=[f"{name}\n{number:g}" for number in numbers]), target)
    say(f"Wrote {target}")


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(abs(number) < 1000 for number in numbers):
        raise UsageError(f"--values {text!r} is no list of numbers.", "Write them with commas: -0.5,0,0.5,1.")
    return numbers
