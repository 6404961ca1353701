"""A data set as a command line names it, and its prepared splits."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import progress
from attredit.cli.mapping import show_source
from attredit.cli.options import (
    Function,
    crop_option,
    data_dir_option,
    data_options,
    nested,
    plugin_words,
    strict_option,
)
from attredit.plugin.registry import installed

if TYPE_CHECKING:
    from attredit.data import Store
    from attredit.data.geometry import Crop

_OPTIONS = (
    click.argument("name"),
    data_dir_option("Where the data lie, for data sets that are files."),
    data_options,
    click.option(
        "--image-size",
        type=click.IntRange(min=1),
        default=64,
        show_default=True,
        help="Height and width of the images.",
    ),
    crop_option("centre"),
    strict_option,
)


def dataset_options(function: Function) -> Function:
    """``NAME``, a data set, and the options that `attredit train` has for it: the fields of `Source`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True)
class Source:
    """A data set as it was named.

    Attributes:
        name: Registered data set, or NAME:ARGUMENT.
        data_dir: Where the data lie.
        data_options: Its options, ``key=value``.
        image_size: Height and width of prepared images.
        crop: See `attredit.data.Geometry`.
        strict: Make an error of whatever is left out.
    """

    name: str
    data_dir: str | None
    data_options: Sequence[str]
    image_size: int
    crop: Crop
    strict: bool

    @property
    def words(self) -> str:
        """Its options as they would be typed, after its name."""
        words = [] if self.data_dir is None else ["--data-dir", self.data_dir]
        words += [word for option in self.data_options for word in ("--data-option", option)]
        words += ["--image-size", str(self.image_size)]
        words += [] if self.crop == "centre" else ["--crop", self.crop]
        words += ["--strict"] if self.strict else []
        return shlex.join(words) + plugin_words()

    def prepared(self, workers: int | None = None, attributes: Sequence[str] = ()) -> dict[str, Store]:
        """The stores of all its splits, made now unless they exist.

        Args:
            workers: See `attredit.data.prepare`.
            attributes: Those that it must have.

        Raises:
            UsageError, DataError, RunError: see their messages.
        """
        from attredit.data import Geometry, prepare, require_nothing_left_out
        from attredit.data.collection import build_source, choose_dataset

        # Without its argument, as a training names it, so that both have one store.
        registry = installed()
        name, data_dir, options = choose_dataset(registry, self.name, self.data_dir, nested(self.data_options)).values()
        where: dict[str, Any] = {"data_dir": data_dir, "options": options}
        source = build_source(registry, name, image_size=self.image_size, crop=self.crop, **where)
        show_source(source)
        if self.strict:
            require_nothing_left_out(source)
        source.schema.select(attributes)
        geometry = Geometry(size=self.image_size, channels=source.channels, crop=self.crop)
        stores = {}
        with progress() as report:
            for split in source.splits:
                told = partial(report, f"preparing {split}")
                stores[split] = prepare(
                    source, split, geometry, name=name, workers=workers, progress=told, strict=self.strict
                )
        return stores
