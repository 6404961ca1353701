"""A data set as a command line names it, and its prepared splits."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
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
    from attredit.request import CollectionRequest

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
    """``NAME``, a data set, and the options that `attredit train` has for it: the fields of a `CollectionRequest`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def collection_request(name: str, given: Mapping[str, Any]) -> CollectionRequest:
    """What `dataset_options` gave.

    Raises:
        UsageError: an option of the data set is not of the form KEY=VALUE.
    """
    from attredit.request import CollectionRequest

    options = nested(given["data_options"])
    return CollectionRequest(**{**given, "dataset": name, "data_options": options})


def typed(request: CollectionRequest) -> str:
    """A data set and its options as they would be typed."""
    return shlex.join([request.dataset, *request.words("dataset")]) + plugin_words()


def prepared(
    request: CollectionRequest, workers: int | None = None, attributes: Sequence[str] = ()
) -> dict[str, Store]:
    """The stores of all splits of a collection, made now unless they exist.

    Args:
        request: Which collection.
        workers: See `attredit.data.prepare`.
        attributes: Those that it must have.

    Raises:
        UsageError, DataError, RunError: see their messages.
    """
    # What its source warns of is shown before that is made an error.
    collection = request.model_copy(update={"strict": False}).collection(installed())
    show_source(collection.source)
    collection = request.collection(installed()) if request.strict else collection
    collection.schema.select(attributes)
    with progress() as report:
        return {
            split: collection.store(split, workers=workers, progress=partial(report, f"preparing {split}"))
            for split in collection.splits
        }
