"""A run's data, found again."""

from __future__ import annotations

from typing import Any

from attredit.data import Store, prepare
from attredit.data.collection import build_source
from attredit.data.making import Progress
from attredit.plugin.registry import Registry
from attredit.runs.config import RunConfig


def open_store(registry: Registry, config: RunConfig, split: str, progress: Progress | None = None) -> Store:
    """The prepared store of a run's data."""
    source = source_of(registry, config)
    return prepare(source, split, config.geometry, name=config.data.name, progress=progress)


def source_of(registry: Registry, config: RunConfig) -> Any:
    """The data source of a run."""
    data = config.data
    return build_source(
        registry,
        data.name,
        image_size=config.image_size,
        data_dir=data.directory,
        options=dict(data.options),
        crop=config.geometry.crop,
    )
