"""Pictures to begin with: of drawn data sets, because they may be drawn anywhere and show nobody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attredit.data.pixels import as_pil
from attredit.data.source import CounterfactualSource, DataSource
from attredit.editing.editor import Editor
from attredit.errors import UsageError
from attredit.html import png_of
from attredit.plugin.registry import Registry
from attredit.runs.config import RunConfig

COUNT = 6
# Finer than a model's images, as far as the data set draws them so: an edit keeps the picture's own resolution.
_FINER = (4, 2, 1)


def samples(registry: Registry, editors: Sequence[Editor]) -> list[bytes]:
    """PNG files that the first of the runs that have drawn images has never seen; none where there are no such runs."""
    for editor in editors:
        source = _drawn(registry, editor.config)
        if source is not None:
            rows = source.open("test")
            images = [np.asarray(rows[i]["image"]) for i in range(min(COUNT, len(rows)))]
            return [png_of(as_pil(image if image.ndim == 3 else image[..., None])) for image in images]
    return []


def _drawn(registry: Registry, config: RunConfig) -> DataSource | None:
    """The data set of a run, as fine as may be, if it draws its images: one that knows true edits reads no files."""
    if config.request.data_dir is not None or registry.get("dataset", config.request.dataset) is None:
        return None
    for times in _FINER:
        try:
            request = config.request.model_copy(update={"image_size": times * config.image_size, "crop": "none"})
            source = request.collection(registry).source
        except UsageError:
            if times == _FINER[-1]:
                raise
            continue
        return source if isinstance(source, CounterfactualSource) and "test" in source.splits else None
    return None
