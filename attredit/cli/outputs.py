"""Which file each picture goes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attredit.cli.console import note
from attredit.errors import AttrEditError, DataError, UsageError
from attredit.files import unused


def targets_of(inputs: Sequence[Path], output: Path | None) -> list[tuple[Path, Path]]:
    """What is read, and where each result goes.

    One file goes to `output`; several, or folders, go into it under their own names. Without `output`, ``photo.png``
    becomes ``photo-edited.png`` beside it, and a folder ``photos`` becomes ``photos-edited``; numbered if that exists.

    Raises:
        DataError: an input is missing, or a folder has no image.
        UsageError: two results would go to one file, or a result would replace an input; or an unknown format.
    """
    if output is None:
        pairs = [pair for item in inputs for pair in _beside(item)]
    elif len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir() and output.suffix:
        pairs = [(_existing(inputs[0]), output)]
        check_format(output)
        return pairs  # an output that is named may be the input itself
    else:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{output} is a file.", "Several pictures go into a directory: name one with -o.")
        pairs = [(file, output / _writable_name(file)) for item in inputs for file in _files(item)]
    _check_distinct(pairs)
    return pairs


def require_all_done(failed: Sequence[AttrEditError], pictures: int) -> None:
    """Name the pictures that could not be edited, after the others are.

    Raises:
        AttrEditError: there are some.
    """
    for error in failed:
        note(f"Error: {error}", fg="red")
    if failed:
        raise AttrEditError(f"{len(failed)} of {pictures} pictures could not be edited; the others are done.")


def check_format(path: Path) -> None:
    """Make sure that pictures can be written under that name.

    Raises:
        UsageError: they cannot, judging by its ending.
    """
    if path.suffix.lower() not in _formats("SAVE"):
        raise UsageError(f"{path.name!r} does not end like an image file.", "Use .png, .jpg or .webp.")


def _beside(item: Path) -> Iterator[tuple[Path, Path]]:
    if item.is_dir():
        folder = unused(item.resolve().with_name(f"{item.resolve().name}-edited"))
        yield from ((file, folder / _writable_name(file)) for file in _files(item))
    else:
        name = Path(_writable_name(_existing(item)))
        yield item, unused(item.with_name(f"{name.stem}-edited{name.suffix}"), name.suffix)


def _files(item: Path) -> list[Path]:
    """The file, or the image files of a folder, those of its own folders not included."""
    if not item.is_dir():
        return [_existing(item)]
    found = sorted(p for p in item.iterdir() if p.suffix.lower() in _formats("OPEN") and not p.name.startswith("."))
    if not found:
        raise DataError(f"There is no image in {item}.", "Name a folder that holds image files itself.")
    return found


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    return path


def _writable_name(file: Path) -> str:
    """The file's own name; as PNG if its format can only be read, or is none."""
    return file.name if file.suffix.lower() in _formats("SAVE") else f"{file.name}.png"


def _check_distinct(pairs: Sequence[tuple[Path, Path]]) -> None:
    twice = [str(target) for target, times in Counter(target for _, target in pairs).items() if times > 1]
    if twice:
        raise UsageError(f"Several inputs would be written to {twice[0]}.", "Edit them in separate calls.")
    inputs = {source.resolve() for source, _ in pairs}
    for _, target in pairs:
        if target.resolve() in inputs:
            raise UsageError(f"{target} is an input and would be replaced.", "Name another directory with -o.")


def _formats(way: str) -> set[str]:
    """Endings of images that PIL can OPEN or SAVE; it also opens documents and data, which are not meant here."""
    from PIL import Image

    endings = Image.registered_extensions()  # also fills the tables below
    able = {name for name in getattr(Image, way) if Image.MIME.get(name, "").startswith("image/")}
    return {ending for ending, name in endings.items() if name in able}
