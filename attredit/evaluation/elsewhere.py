"""Another collection than a run's own: whether it can be measured on, and what its figures are called."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from attredit.attributes import MISSING, AttributeSchema
from attredit.data import Geometry, Store
from attredit.data.collection import Collection, choose_dataset
from attredit.data.source import CounterfactualSource
from attredit.errors import DataError, DataWarning
from attredit.plugin.registry import Registry
from attredit.request import CollectionRequest


@dataclass(frozen=True)
class Elsewhere:
    """A collection as it is named.

    Attributes:
        name: Registered data set, or ``NAME:ARGUMENT``.
        data_dir: Where it lies, for data sets that are files.
        options: Of the data set.
        label: What its figures are called; when empty, as the last part of where it lies, or as the data set.
    """

    name: str
    data_dir: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Opened:
    """A collection that a run can be measured on.

    Attributes:
        collection: Its images, seen as the run sees its own.
        label: What its figures are called; empty for the run's own data.
        given: The label is what somebody called it.
        place: Where it lies, if it is files.
    """

    collection: Collection
    label: str = ""
    given: bool = False
    place: str = ""


def opened(registry: Registry, elsewhere: Elsewhere, edited: AttributeSchema, geometry: Geometry) -> Opened:
    """A collection, seen as a run sees its own. What its source warns of is a `DataWarning`.

    Args:
        registry: Where data sets are.
        elsewhere: The collection.
        edited: The attributes that the run edits.
        geometry: How the run sees images; with boxes, if its crop needs them.

    Raises:
        UsageError: an unknown data set or option.
        DataError: it is not where it should be, lacks attributes that the run edits, or boxes, or is drawn in another
            way than the run's images.
    """
    name, place, options = choose_dataset(registry, elsewhere.name, elsewhere.data_dir, elsewhere.options)
    where: dict[str, Any] = {"dataset": name, "data_dir": place, "data_options": options, "crop": geometry.crop}
    # What is white, its own images say.
    seen = replace(geometry, white=None)
    collection = replace(CollectionRequest(image_size=geometry.size, **where).collection(registry), geometry=seen)
    source = collection.source
    argument = getattr(registry.load("dataset", name), "argument", None)
    lies = str((place if argument in (None, "data_dir") else options.get(argument, place)) or "")
    label = elsewhere.label or (Path(lies).resolve().name if argument and lies else collection.name)
    require_attributes(source.schema, edited, label)
    if isinstance(source, CounterfactualSource) and not _drawn_alike(source, geometry):
        raise DataError(f"{label} draws squares of {source.channels} channels, to be seen whole; the run's are others.")
    for sentence in getattr(source, "warnings", ()):
        warnings.warn(sentence, DataWarning, stacklevel=2)
    given = bool(elsewhere.label)
    return Opened(collection, label, given, str(Path(lies).resolve()) if lies and Path(lies).is_dir() else lies)


def labelled_as(store: Store, schema: AttributeSchema) -> Store:
    """A store with the labels of another schema; those that it lacks, or means something else by, are missing."""
    labels = np.full((len(store), len(schema)), MISSING, store.labels.dtype)
    for column, attribute in enumerate(schema):
        if attribute in tuple(store.schema):
            labels[:, column] = store.labels[:, store.schema.index(attribute.name)]
    return replace(store, schema=schema, labels=labels)


def require_attributes(schema: AttributeSchema, edited: AttributeSchema, label: str) -> None:
    """Make sure that a collection has some attributes, by name, with the same values in the same order.

    Raises:
        DataError: it lacks one, or means something else by it.
    """
    lacking = [attribute.name for attribute in edited if attribute.name not in schema.names]
    if lacking:
        raise DataError(
            f"{label} lacks what the run edits: {', '.join(lacking)}.", f"It has {', '.join(schema.names)}."
        )
    for own in edited:
        other = schema.attributes[schema.index(own.name)]
        if own.values != other.values:
            here, there = ", ".join(own.values), ", ".join(other.values)
            raise DataError(
                f"The values of {own.name} are {here} in the run, and {there} in {label}.", "Name them alike."
            )


def _drawn_alike(source: CounterfactualSource, geometry: Geometry) -> bool:
    """Whether squares that are drawn, and their true edits, are what the model sees of them."""
    whole = geometry.crop != "box" and geometry.keeps(geometry.size, geometry.size)
    return whole and getattr(source, "channels", None) == geometry.channels
