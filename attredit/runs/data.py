"""A run's data, found again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from attredit.data.collection import Collection
from attredit.errors import DataError, RunError
from attredit.files import expanded
from attredit.plugin.registry import Registry
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

RESTORE = "Restore them, say with --data-dir where they lie now, or train anew."
"""What to do about data that are others than a run was trained on."""


def relocated(registry: Registry, config: RunConfig, data_dir: str | os.PathLike[str] | None) -> RunConfig:
    """The same run, whose data lie somewhere else now; as it is, if that is not said."""
    if data_dir is None:
        return config
    place, options = str(expanded(data_dir).resolve()), config.request.data_options
    argument = getattr(registry.load("dataset", config.request.dataset), "argument", None)
    # Of some data sets an option says where they lie, such as the name of what `datasets` opens.
    changes = {"data_options": {**options, argument: place}} if argument in options else {"data_dir": place}
    return config.model_copy(update={"request": config.request.model_copy(update=changes)})


def training_collection(registry: Registry, config: RunConfig) -> Collection:
    """The images that a run is trained on: finer than the model's, where its recipe wants `detail`.

    Raises:
        DataError: they are not where they should be.
    """
    return collection_of(registry, config, config.recipe.detail)


def own_collection(registry: Registry, run: RunDirectory, config: RunConfig) -> Collection:
    """The images of a run, if they are those that it was trained on: their fingerprint has no paths.

    Raises:
        DataError: they are not where they should be.
        RunError: they are others.
    """
    collection = collection_of(registry, config)
    if training_collection(registry, config).fingerprint("train") != config.data.fingerprint:
        place = config.request.data_dir
        where = "" if place is None else f" in {place}"
        raise RunError(
            f"The data{where} are not those that {run.path} was trained on: their fingerprints differ.", RESTORE
        )
    return collection


def collection_of(registry: Registry, config: RunConfig, detail: int = 1) -> Collection:
    """The images of a run, as many times as fine as the model's.

    Raises:
        DataError: they are not where they should be.
    """
    request = config.request
    if request.data_dir is not None and not Path(request.data_dir).exists():
        raise DataError(f"The run's data are not in {request.data_dir}.", "Say with --data-dir where they lie now.")
    # What was left out with a warning was settled when the run was started.
    seen = {"strict": False, "image_size": detail * config.image_size}
    collection = request.model_copy(update=seen).collection(registry)
    return replace(collection, geometry=replace(config.geometry, size=collection.geometry.size))
