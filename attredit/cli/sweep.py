"""``attredit sweep``: show one attribute from less to more, or its values side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import PLACE, box_option, boxes_in, device_option, given_box, output_option, run_argument
from attredit.errors import AttrEditError, DataError, UsageError

if TYPE_CHECKING:
    from attredit.attributes import Attribute
    from attredit.framing.search import Found


@click.command
@run_argument
@click.argument("pictures", nargs=-1, required=True, type=PLACE, metavar="PICTURE...")
@click.option("--attr", "attribute", metavar="NAME", help="An attribute; by default the run's first one.")
@output_option("File to write. [default: sweep.png]")
@click.option(
    "--values",
    metavar="LIST",
    help="Left to right, with commas. [default: from less to more; of a categorical attribute all that it has]",
)
@box_option
@device_option
def command(
    run: Path,
    pictures: Sequence[Path],
    attribute: str | None,
    output: Path | None,
    values: str | None,
    box: str | None,
    device: str | None,
) -> None:
    """Decode pictures with one attribute from less to more, or with each of its values: a strip for each picture.

    Example: attredit sweep RUN photo.png --attr Smiling -o strip.png
    """
    from attredit.cli.outputs import check_format, require_all_done
    from attredit.editing.editor import load
    from attredit.report.encoding import write_image
    from attredit.report.grid import grid
    from attredit.runs.directory import RunDirectory

    target = output or Path("sweep.png")
    check_format(target)
    schema = RunDirectory(run).config().schema_
    name = attribute or schema.names[0]
    wanted = _wanted(schema.attributes[schema.index(name)], values)
    for value in wanted.values():
        schema.asked({name: value})  # errors before anything is loaded
    given = given_box(box, len(pictures))
    editor = load(run, device)
    boxes: dict[Path, Found] = {}
    failed: list[AttrEditError] = []
    for picture in dict.fromkeys(pictures):
        try:
            boxes[picture] = boxes_in(editor, picture, given)[0]
        except DataError as error:
            failed.append(error)
    if not boxes:
        raise failed[0]
    shown_of = [picture for picture in pictures if picture in boxes]
    around = [boxes[picture] for picture in shown_of]
    rows = editor.sweep(shown_of, name, list(wanted.values()), box=around, output="numpy")
    write_image(grid(rows, columns=[f"{name}\n{shown}" for shown in wanted]), target)
    say(f"Wrote {target}")
    require_all_done(failed, len(pictures))


def _wanted(attribute: Attribute, values: str | None) -> dict[str, Any]:
    """What to ask for, by what stands above its column."""
    from attredit.editing.editor import values_of

    if values is None:
        chosen: Sequence[float | str] = values_of(attribute)
    elif attribute.binary and not attribute.numbered:
        chosen = _numbers(values)
    else:
        chosen = [part.strip() for part in values.split(",")]
    return {value if isinstance(value, str) else f"{value:g}": value for value in chosen}


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(abs(number) < 1000 for number in numbers):
        raise UsageError(f"--values {text!r} is no list of numbers.", "Write them with commas: -0.5,0,0.5,1.")
    return numbers
