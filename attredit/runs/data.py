"""A run's data, found again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attredit.data import Store, fingerprint_of, prepare
from attredit.data.collection import build_source
from attredit.data.making import Progress
from attredit.data.source import DataSource
from attredit.errors import DataError, RunError
from attredit.plugin.registry import Registry
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

RESTORE = "Restore them, say with --data-dir where they lie now, or train anew."
"""What to do about data that are others than a run was trained on."""


def moved(registry: Registry, config: RunConfig, data_dir: str | os.PathLike[str] | None) -> RunConfig:
    """The same run, whose data lie somewhere else now; as it is, if that is not said."""
    if data_dir is None:
        return config
    place, options = str(Path(data_dir).expanduser().resolve()), dict(config.data.options)
    argument = getattr(registry.load("dataset", config.data.name), "argument", None)
    # Of some data sets an option says where they lie, such as the name of what `datasets` opens.
    changes = {"options": {**options, argument: place}} if argument in options else {"directory": place}
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})


def own_source(registry: Registry, run: RunDirectory, config: RunConfig) -> DataSource:
    """The data source of a run, with the images that it was trained on: their fingerprint has no paths.

    Raises:
        DataError: they are not where they should be.
        RunError: they are others.
    """
    source: DataSource = source_of(registry, config)
    if fingerprint_of(source, "train", config.geometry) != config.data.fingerprint:
        where = "" if config.data.directory is None else f" in {config.data.directory}"
        raise RunError(
            f"The data{where} are not those that {run.path} was trained on: their fingerprints differ.", RESTORE
        )
    return source


def open_store(registry: Registry, config: RunConfig, split: str, progress: Progress | None = None) -> Store:
    """The prepared store of a run's data."""
    source = source_of(registry, config)
    return prepare(source, split, config.geometry, name=config.data.name, progress=progress)


def source_of(registry: Registry, config: RunConfig) -> Any:
    """The data source of a run.

    Raises:
        DataError: the data are not where they should be.
    """
    data = config.data
    if data.directory is not None and not Path(data.directory).exists():
        raise DataError(f"The run's data are not in {data.directory}.", "Say with --data-dir where they lie now.")
    return build_source(
        registry,
        data.name,
        image_size=config.image_size,
        data_dir=data.directory,
        options=dict(data.options),
        crop=config.geometry.crop,
    )
