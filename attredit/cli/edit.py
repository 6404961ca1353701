"""``attredit edit``: change attributes of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import progress, say
from attredit.cli.options import (
    PLACE,
    box_option,
    boxes_in,
    changes_of,
    changes_option,
    device_option,
    given_box,
    output_option,
    run_argument,
)
from attredit.errors import AttrEditError, DataError, RunError, UsageError

if TYPE_CHECKING:
    from attredit.data import Box, Frame
    from attredit.editing.editor import Editor


@click.command
@run_argument
@click.argument("pictures", nargs=-1, required=True, type=PLACE, metavar="PICTURE...")
@changes_option
@output_option(
    "File to write; for several pictures or a folder, a directory. "
    "[default: photo-edited.png beside photo.png, photos-edited/ beside photos/]"
)
@click.option(
    "--mode",
    type=click.Choice(["composite", "decoded"]),
    default="composite",
    show_default=True,
    help="composite: only the edited region changes, at the picture's own size; decoded: the decoder's whole image.",
)
@box_option
@click.option("--all", "every", is_flag=True, help="Edit all that is found in a picture, not the surest one alone.")
@click.option("--strength", type=float, default=1.0, show_default=True, help="How far to go: 0 nothing, 1 all.")
@click.option(
    "--given",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="What the pictures have, whatever the model reads off them. Can be given several times.",
)
@click.option("--style", type=click.IntRange(min=1), metavar="NUMBER", help="Which style, from 1: the third glasses.")
@click.option("--styles", type=click.IntRange(min=1), metavar="COUNT", help="So many styles, side by side in a strip.")
@click.option(
    "--like", type=click.Path(path_type=Path), metavar="PICTURE", help="A picture whose style is taken: its glasses."
)
@device_option
def command(
    run: Path,
    pictures: Sequence[Path],
    changes: Sequence[str],
    output: Path | None,
    box: str | None,
    every: bool,
    given: Sequence[str],
    device: str | None,
    **how: Any,
) -> None:
    """Change attributes of pictures: files, or folders of files.

    Example: attredit edit RUN photo.png --set Smiling=1 -o smiling.png
    """
    from attredit.cli.outputs import require_all_done, targets_of
    from attredit.editing.editor import load
    from attredit.runs.directory import RunDirectory

    wanted = changes_of(changes)
    schema = RunDirectory(run).config().schema_
    if not wanted:
        raise UsageError("Nothing to change.", f"Name it with --set ATTRIBUTE=VALUE: {', '.join(schema.names)}.")
    schema.asked({**changes_of(given), **wanted})  # errors before anything is loaded or written
    if every and how["styles"]:
        raise UsageError("--styles shows one subject in several styles, and --all edits several.", "Leave one out.")
    pairs = targets_of(pictures, output)
    around = given_box(box, len(pairs))
    editor = load(run, device)
    if every and how["mode"] != "composite":
        raise UsageError("--all needs the mode composite: a decoded image shows one square.", "Leave one of them out.")
    failed = _edit_all(editor, pairs, around, every, {**how, "changes": wanted, "given": changes_of(given)})
    if len(pairs) == 1 and failed:
        raise failed[0]
    _say_done([target for _, target in pairs], len(pairs) - len(failed))
    require_all_done(failed, len(pairs))


def _edit_all(
    editor: Editor, pairs: Sequence[tuple[Path, Path]], given: Box | Frame | None, every: bool, how: dict[str, Any]
) -> list[AttrEditError]:
    """Edit one picture after the other: a thousand need no more memory than one, and a broken one stops none."""
    from attredit.html import beside
    from attredit.report.encoding import write_image

    failed: list[AttrEditError] = []
    with progress() as report:
        for i, (source, target) in enumerate(pairs):
            try:
                edited: Any = source
                for found in boxes_in(editor, source, given, every):
                    edited = editor.edit(edited, box=found, **how)
                write_image(beside(edited) if how["styles"] else edited, target)
            except (DataError, RunError) as error:
                failed.append(error)
            if len(pairs) > 1:
                report("Editing", i + 1, len(pairs))
    return failed


def _say_done(targets: Sequence[Path], done: int) -> None:
    if len(targets) == 1:
        say(f"Wrote {targets[0]}")
    elif done:
        folders = sorted({str(target.parent) for target in targets})
        say(f"Wrote {done} pictures to {', '.join(folders)}")
