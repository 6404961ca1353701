"""What several commands take, and how their ``key=value`` items are read."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from attredit.cli.console import note
from attredit.errors import UsageError
from attredit.files import expanded

if TYPE_CHECKING:
    from attredit.data import Box, Frame
    from attredit.editing.editor import Editor
    from attredit.framing.search import Found

Function = TypeVar("Function", bound=Callable[..., Any])


class UserPath(click.Path):
    """A path, in which ~ is the user's home directory also where the shell has left it, as in ``--output=~/runs``."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        """The path, in full."""
        return expanded(os.fsdecode(super().convert(value, param, ctx)))


PLACE = UserPath()


class RunPath(UserPath):
    """A run: its directory, the name of a model that comes with attredit, or hf:USER/NAME on the hub."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        """Its directory."""
        from attredit.runs.named import directory_of

        return directory_of(super().convert(value, param, ctx))


run_argument = click.argument("run", type=RunPath(), metavar="RUN")
"""``RUN``: see `attredit.runs.named`."""


device_option = click.option(
    "--device", metavar="NAME", help="Where to compute: cpu, cuda or mps. [default: the best there is]"
)


changes_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="An attribute and the value it should have: 0 or 1, anything between or beyond, or a value's name. "
    "Can be given several times.",
)

data_options = click.option(
    "--data-option",
    "data_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the data set; dots nest; repeatable.",
)

box_option = click.option(
    "--box",
    metavar="LEFT,TOP,WIDTH,HEIGHT",
    help="What the model's square is to be around, in pixels of the picture as it is shown. [default: where the run's "
    "frame network finds it; without one, as the run's crop says]",
)

strict_option = click.option(
    "--strict",
    is_flag=True,
    default=False,
    help="Make an error of every warning of the data: images that cannot be decoded, rows without images, and so on.",
)


def data_dir_option(text: str) -> Callable[[Function], Function]:
    """``--data-dir``, with what the command says of it."""
    return click.option("--data-dir", metavar="DIR", help=text)


def crop_option(default: str | None) -> Callable[[Function], Function]:
    """``--crop``, with the value it has when it is not given."""
    text = "Which square of an image is seen. [default: centre]"
    return click.option("--crop", type=click.Choice(["none", "centre", "celeba", "box"]), default=default, help=text)


def output_option(text: str, metavar: str = "PATH", **how: Any) -> Callable[[Function], Function]:
    """``-o``, with what the command says of it."""
    return click.option("-o", "--output", type=PLACE, metavar=metavar, help=text, **how)


def given_box(text: str | None, pictures: int) -> Box | Frame | None:
    """What ``--box`` says.

    Args:
        text: The option's value.
        pictures: How many it would be of.

    Raises:
        UsageError: it is no box, or there are several pictures.
    """
    from attredit.editing.frames import box_or_frame

    if text is None:
        return None
    if pictures != 1:
        raise UsageError(f"--box is of one picture, and there are {pictures}.", "Give them one by one.")
    return box_or_frame(text)


def boxes_in(editor: Editor, picture: Path, given: Box | Frame | None, every: bool = False) -> list[Found]:
    """Where the square of a picture lies; said where it had to be found.

    Args:
        editor: Of the run.
        picture: The file.
        given: What the user says.
        every: All that are found, not the surest one alone.

    Raises:
        UsageError, DataError: as `Editor.boxes`.
    """
    found = editor.subjects(picture) if every and given is None else editor.boxes(picture, given)
    if given is None:
        # Where the picture is framed as those of training are, there is nothing to say.
        for frame, sureness in (one for one in found if one.frame.bounds is None):
            turned = f", turned by {frame.angle:.0f} degrees" if abs(frame.angle) >= 1 else ""
            note(
                f"{picture}: a square of {frame.side:.0f} pixels around {frame.x:.0f},{frame.y:.0f}{turned}, "
                f"{100 * sureness:.0f} % sure"
            )
    return found


def plugin_words() -> str:
    """``--plugin FILE`` for each plugin file in use, with a space before it, for commands that are to be typed next."""
    from attredit.plugin.files import plugin_files

    return "".join(f" --plugin {shlex.quote(from_here(file.path))}" for file in plugin_files())


def from_here(path: str | Path) -> str:
    """A path as it would be typed here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


def nested(items: Sequence[str]) -> dict[str, Any]:
    """``["a.b=1", "c=text"]`` to ``{"a": {"b": 1}, "c": "text"}``.

    Raises:
        UsageError: an item is not of that form, or is a value here and a group there.
    """
    from attredit.recipe import parse_overrides

    result: dict[str, Any] = {}
    for key, value in parse_overrides(items).items():
        *groups, last = key.split(".")
        inner = result
        for group in groups:
            inner = inner.setdefault(group, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{key!r} sets a part of {group!r}, which another option sets as a whole.")
        if isinstance(inner.get(last), dict):
            raise UsageError(f"{key!r} is set as a whole, and another option sets a part of it.")
        inner[last] = value
    return result


def require_dataset(dataset: str | None, options: Sequence[str]) -> None:
    """Make sure that options of a data set are of another one than a run's own.

    Raises:
        UsageError: none is named.
    """
    if options and dataset is None:
        raise UsageError(
            "--data-option is of another data set: the run's own has those it was trained with.", "Add --dataset."
        )


def changes_of(items: Sequence[str]) -> dict[str, Any]:
    """``["Smiling=1"]`` to ``{"Smiling": 1}``.

    Raises:
        UsageError: an item is not of that form, or its value is no usable number.
    """
    from attredit.recipe import parse_overrides

    changes = parse_overrides(items)
    for name, value in changes.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name}={value} is no value.", "Use a number, such as 0 or 1.")
    return changes
