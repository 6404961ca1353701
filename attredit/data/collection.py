"""A collection: a data set by its name, opened, and how its images are seen."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attredit.attributes import AttributeSchema
from attredit.data.geometry import Crop, Geometry, no_boxes
from attredit.data.source import DataSource
from attredit.data.store import Store, fingerprint_of, prepare
from attredit.errors import UsageError, nearest
from attredit.files import expanded
from attredit.plugin.calling import call, naming
from attredit.plugin.registry import Registry
from attredit.progress import Progress

_BOXES = (
    "Tables can have them, in columns x, y, width and height or bbox (--dataset folder:PATH or hf:NAME), and so have "
    "CelebA's images in the wild (--dataset celeba)."
)


@dataclass(frozen=True)
class Collection:
    """Images of one kind, opened; nothing is read from them before a store is asked for.

    Attributes:
        name: Of the data set.
        source: The data set.
        geometry: Which square of an image is seen, and at which size.
        strict: Make an error of whatever is left out with a warning.
        id: The data set's full name, for errors of its code.
    """

    name: str
    source: DataSource
    geometry: Geometry
    strict: bool = False
    id: str = ""

    @property
    def schema(self) -> AttributeSchema:
        """Every attribute it has."""
        return self.source.schema

    @property
    def splits(self) -> tuple[str, ...]:
        """Those it has of train, valid and test."""
        return self.source.splits

    def store(self, split: str, *, progress: Progress | None = None, workers: int | None = None) -> Store:
        """A split's images, ready for training; see `attredit.data.prepare`.

        Raises:
            UsageError: it has no such split.
            DataError, RunError: see `attredit.data.prepare`.
        """
        self.require_split(split)
        more: dict[str, Any] = {"workers": workers, "progress": progress, "strict": self.strict}
        with naming(f"data set {self.id or self.name}"):
            return prepare(self.source, split, self.geometry, name=self.name, **more)

    def fingerprint(self, split: str) -> str:
        """That a split's store has; nothing is decoded.

        Raises:
            UsageError: it has no such split.
        """
        self.require_split(split)
        with naming(f"data set {self.id or self.name}"):
            return fingerprint_of(self.source, split, self.geometry)

    def require_split(self, split: str) -> None:
        """Make sure that there is such a split.

        Raises:
            UsageError: there is none.
        """
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}.", nearest(split, self.splits))


def choose_dataset(
    registry: Registry, name: str, data_dir: str | Path | None, options: Mapping[str, Any]
) -> tuple[str, str | Path | None, dict[str, Any]]:
    """``NAME:ARGUMENT`` resolved: the argument is the option that the source names in its class attribute ``argument``.

    Args:
        registry: Where the name is looked up.
        name: A registered data set, alone or with an argument.
        data_dir: Where the data lie, if that is said.
        options: Of the data set.

    Returns:
        Its full name, where the data lie, and its options.

    Raises:
        UsageError: an unknown data set, one that takes no argument, an empty one, or an option that is given twice.
    """
    asked, colon, argument = name.partition(":")
    component = registry.find("dataset", asked)
    full, short = component.id, component.name
    if not colon and not options:
        return full, data_dir, {}
    option = getattr(component.load(), "argument", None)
    if not colon:
        return full, data_dir, {key: _settled(value) if key == option else value for key, value in options.items()}
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
        return full, str(expanded(argument)), dict(options)
    return full, data_dir, {**options, option: _settled(argument)}


def _settled(argument: Any) -> Any:
    """What a folder is called wherever a run goes on; anything else as it is, such as a name on the hub."""
    if not isinstance(argument, str) or not argument:
        return argument
    folder = expanded(argument)
    return str(folder.resolve()) if folder.is_dir() else argument


def _homes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose paths have the user's home directory for a ~, nested ones as well."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        below = _homes(value) if isinstance(value, Mapping) else value
        found[name] = str(expanded(value)) if isinstance(value, str) and value.startswith(("~/", "~\\")) else below
    return found


def source_of(
    registry: Registry, name: str, image_size: int, place: str | Path | None, options: Mapping[str, Any], crop: Crop
) -> DataSource:
    """A registered data source; of one that is to tell boxes, the constructor is asked for them.

    Args:
        registry: Where its name is looked up.
        name: Of the data set.
        image_size: H = W.
        place: Where the data lie, for data sets that are files.
        options: Of the data set.
        crop: See `Geometry`.

    Raises:
        UsageError: an unknown option.
        DataError: the data are not where they should be, or have no boxes, and the crop needs them.
    """
    component = registry.find("dataset", name)
    make = component.load()
    given = {"image_size": image_size, "data_dir": None if place is None else expanded(place), **_homes(options)}
    if crop == "box":
        if "boxes" not in inspect.signature(make).parameters:
            raise no_boxes(f"Data set {component.name}", _BOXES)
        given["boxes"] = True
    source: DataSource = call(make, f"options of data set {component.name}", given, f"data set {component.id}")
    return source
