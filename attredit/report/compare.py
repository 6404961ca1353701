"""One edit by several runs, in one picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image

from attredit.editing.editor import Editor, Mode, load
from attredit.errors import UsageError

_SIDE = 192


def compare(
    pictures: Any,
    runs: Sequence[str | os.PathLike[str] | Editor],
    changes: Mapping[str, Any] | None = None,
    *,
    mode: Mode = "composite",
    **attributes: Any,
) -> Image:
    """A grid: each picture, and what each run makes of it: ``compare("photo.png", runs, Smiling=1)``.

    Args:
        pictures: One image or many, see `Editor`.
        runs: RUNs, or editors.
        changes: As for `Editor.edit`, of attributes that all runs edit.
        mode: As for `Editor.edit`.
        **attributes: See `changes`.

    Raises:
        UsageError: no run, nothing to change; or as `Editor.edit`.
        DataError, RunError, PluginError: as `Editor.edit` and `load`.
    """
    import numpy as np
    from PIL import ImageOps

    from attredit.editing.images import read
    from attredit.report.grid import grid

    wanted = {**(changes or {}), **attributes}
    if not runs or not wanted:
        raise UsageError("There is no run or no change to show.", "compare(picture, [run, other], Smiling=1).")
    editors = [run if isinstance(run, Editor) else load(run) for run in runs]
    given = pictures if isinstance(pictures, list | tuple) else [pictures]
    columns = [[picture.pil for picture in read(list(given))[0]]]
    columns += [editor.edit(list(given), wanted, mode=mode) for editor in editors]
    squares = [
        [np.asarray(ImageOps.pad(one.convert("RGB"), (_SIDE, _SIDE), color="white")) for one in c] for c in columns
    ]
    said = ", ".join(f"{name}={value}" for name, value in wanted.items())
    names = [run.config.request.method_name if isinstance(run, Editor) else Path(run).name for run in runs]
    return grid(
        list(zip(*squares, strict=True)), columns=["original", *(f"{name} {said}" for name in names)], cell=_SIDE
    )
