"""The page: pairs of edits, who made them unsaid, and a file of votes to take away. It needs no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attredit.blind.compare import BlindComparison
from attredit.files import write_text
from attredit.html import png_of
from attredit.report.document import rendered
from attredit.report.grid import Pixels, picture


def write_comparison(comparison: BlindComparison, path: Path) -> None:
    """Write the page.

    Raises:
        RunError: it cannot be written.
    """
    write_text(path, comparison_page(comparison))


def comparison_page(comparison: BlindComparison) -> str:
    """The page. Which run is which is in it for the file of votes alone, written so that nobody reads it by chance."""
    album = _Album()
    shown = [
        {
            "question": comparison.questions[pair.attribute, pair.label],
            "original": album.place(comparison.originals[pair.image]),
            "left": album.place(comparison.edits[pair.left][pair.image, pair.attribute, pair.label]),
            "right": album.place(comparison.edits[pair.right][pair.image, pair.attribute, pair.label]),
        }
        for pair in comparison.pairs
    ]
    key = {"runs": _runs(comparison), "pairs": [asdict(pair) for pair in comparison.pairs]}
    identity = hashlib.sha256(json.dumps([key, shown, album.sources]).encode()).hexdigest()[:16]
    return rendered(
        "blind/page.html.jinja",
        shown={"page": identity, "pairs": shown, "pictures": album.sources},
        key=base64.b64encode(json.dumps(key).encode()).decode(),
        count=len(shown),
        first=shown[0]["question"] if shown else "",
    )


class _Album:
    """Pictures as addresses that hold them, each once."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self._places: dict[bytes, int] = {}

    def place(self, pixels: Pixels) -> int:
        """Where a picture (H, W, C) stands among the sources."""
        data = png_of(picture(pixels, pixels.shape[1]))
        if data not in self._places:
            self._places[data] = len(self.sources)
            self.sources.append(f"data:image/png;base64,{base64.b64encode(data).decode()}")
        return self._places[data]


def _runs(comparison: BlindComparison) -> list[dict[str, Any]]:
    """What votes say of each run."""
    asked = {"method", "preset", "seed"}
    return [
        {"name": name, "recipe": editor.config.recipe.hash, **editor.config.request.model_dump(include=asked)}
        for name, editor in zip(comparison.names, comparison.editors, strict=True)
    ]
