"""What a RUN may be: the directory of a run, or the name of a model that comes with attredit."""

from __future__ import annotations

import os
from pathlib import Path

BOX = Path(__file__).parents[1] / "models"
"""Where the models lie that come with attredit, each a run without what is needed to continue it."""


def directory_of(run: str | os.PathLike[str]) -> Path:
    """The directory that a RUN means; whether it holds a run is for `RunDirectory` to say.

    Args:
        run: A directory; or, where there is none of that name, a model in the box.
    """
    named = box().get(os.fspath(run))
    return named if named is not None and not Path(run).exists() else Path(run)


def box() -> dict[str, Path]:
    """Directories of the models that come with attredit, by name."""
    return {path.parent.name: path.parent for path in sorted(BOX.glob("*/config.json"))}
