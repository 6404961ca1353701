"""What a RUN may be: a directory, the name of a model that comes with attredit, or one on the hub."""

from __future__ import annotations

import os
from pathlib import Path

from attredit.errors import UsageError
from attredit.runs.hub import PREFIX, fetched

BOX = Path(__file__).parents[1] / "models"
"""Where the models lie that come with attredit, each a run without what is needed to continue it."""


def directory_of(run: str | os.PathLike[str]) -> Path:
    """The directory that a RUN means; whether it holds a run is for `RunDirectory` to say.

    Args:
        run: A directory; or, where there is none of that name, a model in the box; or ``hf:USER/NAME[@REVISION]``,
            which is fetched.

    Raises:
        UsageError, RunError: see `attredit.runs.hub.fetched`.
    """
    if os.fspath(run).startswith(PREFIX):
        return fetched(os.fspath(run))
    named = box().get(os.fspath(run))
    return named if named is not None and not Path(run).exists() else Path(run)


def require_own(run: Path) -> None:
    """Make sure that a directory may be changed: no model that comes with attredit, and none fetched from the hub.

    Raises:
        UsageError: it is one of these.
    """
    from huggingface_hub import constants

    if any(run.resolve().is_relative_to(place.resolve()) for place in (BOX, Path(constants.HF_HUB_CACHE))):
        raise UsageError(f"{run} is shared: others use it as it is.", "Copy that directory, and name the copy.")


def box() -> dict[str, Path]:
    """Directories of the models that come with attredit, by name."""
    return {path.parent.name: path.parent for path in sorted(BOX.glob("*/config.json"))}
