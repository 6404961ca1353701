"""From the name of a data set to its source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attredit.data.geometry import Crop, no_boxes
from attredit.data.source import DataSource
from attredit.errors import UsageError
from attredit.plugin.calling import call
from attredit.plugin.registry import Registry

_BOXES = (
    "Tables can have them, in columns x, y, width and height or bbox (--dataset folder:PATH or hf:NAME), and so have "
    "CelebA's images in the wild (--dataset celeba)."
)


def choose_dataset(
    registry: Registry, name: str, data_dir: str | Path | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """``NAME:ARGUMENT`` resolved: the argument is the option that the source names in its class attribute ``argument``.

    Args:
        registry: Where the name is looked up.
        name: A registered data set, alone or with an argument.
        data_dir: Where the data lie, if that is said.
        options: Of the data set.

    Returns:
        ``dataset``, ``data_dir`` and ``data_options``, as a request has them, in this order.

    Raises:
        UsageError: an unknown data set, one that takes no argument, an empty one, or an option that is given twice.
    """
    short, colon, argument = name.partition(":")
    chosen = {"dataset": short, "data_dir": data_dir, "data_options": dict(options)}
    if not colon and not options:
        return chosen
    option = getattr(registry.load("dataset", short), "argument", None)
    if not colon:
        settled = {key: _settled(value) if key == option else value for key, value in options.items()}
        return {**chosen, "data_options": settled}
    if option is None:
        hint = f"Write {short}, and its options as --data-option KEY=VALUE."
        raise UsageError(f"Data set {short} takes nothing after a colon, as in {name!r}.", hint)
    if not argument:
        hint = f"The option {option} of data set {short} belongs there."
        raise UsageError(f"Nothing follows the colon of {name!r}.", hint)
    if option in options or (option == "data_dir" and data_dir is not None):
        raise UsageError(f"Data set {short} is given {option} twice, once as {name!r}.", "Give it once.")
    if option == "data_dir":
        # Shells do not replace a ~ that follows a colon.
        return {**chosen, "data_dir": str(Path(argument).expanduser())}
    return {**chosen, "data_options": {**options, option: _settled(argument)}}


def _settled(argument: Any) -> Any:
    """What a folder is called wherever a run goes on; anything else as it is, such as a name on the hub."""
    if not isinstance(argument, str) or not argument:
        return argument
    folder = Path(argument).expanduser()
    return str(folder.resolve()) if folder.is_dir() else argument


def build_source(
    registry: Registry,
    name: str,
    *,
    image_size: int,
    data_dir: str | Path | None,
    options: dict[str, Any],
    crop: Crop = "centre",
) -> DataSource:
    """A registered data source; see `choose_dataset` for what its name may be.

    Raises:
        UsageError: an unknown data set or option.
        DataError: the data are not where they should be, or have no boxes, and the crop needs them.
    """
    name, place, options = choose_dataset(registry, name, data_dir, options).values()
    make = registry.find("dataset", name).load()
    directory = None if place is None else Path(place)
    given = {"image_size": image_size, "data_dir": directory, **options}
    if crop == "box":
        if "boxes" not in inspect.signature(make).parameters:
            raise no_boxes(f"Data set {name}", _BOXES)
        given["boxes"] = True
    source: DataSource = call(make, f"options of data set {name}", given)
    return source
