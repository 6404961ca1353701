"""What runs do with a picture: where they see its subject, what they think of it, and their edits."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL.Image import Image

from attredit.app.pictures import Album, Dropped, Framed
from attredit.app.samples import samples
from attredit.attributes import Attribute
from attredit.blind.compare import names_of
from attredit.data.frames import Frame
from attredit.editing.editor import Editor, Mode, load, values_of
from attredit.errors import DataError, UsageError
from attredit.plugin.registry import installed

STYLES = 8
"""Of each attribute so many are shown at most."""

Side = Literal["before", "after"]


@dataclass(frozen=True)
class View:
    """What is to be seen of an edit.

    Attributes:
        mode: As of `Editor.edit`.
        side: Before or after it.
        close: Only what lies around the frame.
        pixels: Of its longer side at most; None for all that there are.
    """

    mode: Mode = "composite"
    side: Side = "after"
    close: bool = False
    pixels: int | None = None


@dataclass
class Studio:
    """Runs, and the pictures that were dropped on them; several threads may ask at once, and are answered in turn.

    Attributes:
        names: What the runs are called.
        editors: Of the runs.
        samples: Pictures to begin with, files of PNG.
        album: What was dropped.
    """

    names: Sequence[str]
    editors: Sequence[Editor]
    samples: Sequence[bytes] = ()
    album: Album = field(default_factory=Album)
    # Networks use all cores; two at once would only wait for each other.
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, runs: Sequence[str | os.PathLike[str]], device: str | None = None) -> Studio:
        """One of some runs.

        Args:
            runs: Their directories.
            device: As of `attredit.load`.

        Raises:
            UsageError: one of them twice, or as `attredit.load`.
            RunError, PluginError: as `attredit.load`.
        """
        if len({Path(run).resolve() for run in runs}) < len(runs):
            raise UsageError("A run is named twice.", "Name each once.")
        editors = [load(run, device) for run in runs]
        return cls(names_of([Path(run) for run in runs]), editors, samples(installed(), editors))

    def described(self) -> list[dict[str, Any]]:
        """What the page has to know of each run."""
        return [
            {
                "name": name,
                "about": f"{editor.config.request.method_name} on {editor.config.request.dataset_name}",
                "side": editor.config.image_size,
                "attributes": [
                    {**_described(attribute), "styles": min(STYLES, int(count))}
                    for attribute, count in zip(editor.schema, editor.model.known.count, strict=True)
                ],
            }
            for name, editor in zip(self.names, self.editors, strict=True)
        ]

    def look(self, run: int, picture: Dropped, frame: Frame | None) -> dict[str, Any]:
        """Where a run sees its subject in a picture, and which values it predicts.

        Args:
            run: Its number.
            picture: Which.
            frame: Where the subject is, if that is said.

        Returns:
            ``frame`` (x, y, side, angle), ``sureness``, ``values`` by attribute; where nothing is found ``error`` in
            place of the values, and the frame that pictures like the training images would have.

        Raises:
            UsageError: there is no such run.
        """
        editor = self._editor(run)
        with self._turn:
            try:
                [found] = editor.boxes(picture.pixels, frame)
            except DataError as error:
                middle = _middle(editor, picture)
                return {"frame": middle, "sureness": 0.0, "error": f"{error.message} Put the frame where it is."}
            values = editor.predict(picture.pixels, box=found)
        return {"frame": found.frame, "sureness": found.sureness, "values": values}

    def edit(
        self,
        run: int,
        picture: Dropped,
        frame: Frame,
        changes: Mapping[str, Any],
        view: View,
        styles: Mapping[str, int] | None = None,
    ) -> tuple[Image, str]:
        """What a run makes of a picture, or what it was before; and what is to be said of it.

        Args:
            run: Its number.
            picture: Which.
            frame: Where its subject is.
            changes: Wanted values; attributes that the run does not edit are left out.
            view: What to show.
            styles: Which of the run's styles changed attributes take, as of `Editor.edit`.

        Raises:
            UsageError: there is no such run, or a value that there is not.
        """
        editor = self._editor(run)
        own = {name: value for name, value in changes.items() if name in editor.schema.names}
        scene = Framed(picture.pixels, frame)
        scene = scene.close() if view.close else scene
        scene = scene if view.pixels is None else scene.within(view.pixels)
        if view.side == "before":
            seen = scene.image if view.mode == "composite" else editor.geometry.apply(scene.pixels, scene.frame)
            return seen, ""
        # Who warns, warns this request: no other is answered meanwhile.
        with self._turn, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            edited = editor.edit(scene.pixels, own, box=scene.frame, mode=view.mode, style=styles or None)
        return edited, " ".join(str(warning.message) for warning in told)

    def _editor(self, run: int) -> Editor:
        if not 0 <= run < len(self.editors):
            raise UsageError(f"There is no run {run}.", f"There are {len(self.editors)}.")
        return self.editors[run]


def _described(attribute: Attribute) -> dict[str, Any]:
    """A slider from taken off to exaggerated, or a choice of values."""
    values = values_of(attribute)
    ends = {"low": values[0], "high": values[-1]} if isinstance(values[0], float) else {"values": values}
    return {"name": attribute.name, **ends}


def _middle(editor: Editor, picture: Dropped) -> Frame:
    """The square in the middle."""
    width, height = picture.size
    return Frame(width / 2, height / 2, float(min(width, height)))
