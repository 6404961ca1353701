"""What an evaluation found: evaluation.json, and the same as an object."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from attredit.documents import Document
from attredit.errors import RunError
from attredit.evaluation.statistics import Estimate
from attredit.files import read_metadata, write_text
from attredit.runs.directory import RunDirectory


class JudgeFacts(Document):
    """Which judge read the images, and how well.

    Attributes:
        hash: See `attredit.evaluation.judge.judge_hash`.
        accuracy: Share of the evaluated, unedited images that it reads right, for all of the source's attributes, of
            the images that have a label and that its two agree on; without attributes that there are none of.
        agreement: Share of the images that its two agree on, of those that have a label.
    """

    hash: str
    accuracy: dict[str, float]
    agreement: dict[str, float]


@dataclass(frozen=True)
class Movement:
    """How one attribute's edits move another one.

    Attributes:
        moved: Mean change of the judge's probability of the other attribute as the edited one is put on (for edits that
            take it off, with the sign turned), the decoded edit against the reconstruction; both directions weigh the
            same. -1 to 1.
        true: The same between true counterfactuals and images, where the edited attribute alone has changed: what the
            judge itself mistakes. None where the data set cannot draw them.
        correlated: P(other | with) - P(other | without) among training labels. None if a value is not among them.
        unexplained: What is left of `moved` when as much as the correlation explains is taken off: its signed distance
            from the interval between 0 and `correlated`. It is 0 for an edit that moves nothing or follows the data.
    """

    moved: Estimate
    true: Estimate | None
    correlated: float | None
    unexplained: Estimate | None


@dataclass(frozen=True)
class Effect:
    """F1 of one attribute under edits of another, or of itself: what the judge reads, against what should be there.

    Attributes:
        decoded: Of decoded edits; None where it is neither read nor wanted in any image.
        composite: Of composite edits.
    """

    decoded: Estimate | None
    composite: Estimate | None


class Evaluation(Document):
    """evaluation.json.

    Attributes:
        format: Of the file.
        split: Which split was evaluated.
        images: How many of its images.
        judge: Which judge read them.
        identity: Hash of the network that told faces apart; None without one.
        metrics: Figures by name, averaged over the run's attributes.
        attributes: Each attribute's own figures.
        off_target_matrix: How edits move other attributes: by edited and other, each ``NAME=VALUE`` if categorical.
        effectiveness_matrix: F1 of every attribute under edits of each: by edited and other, itself among them,
            ``NAME=VALUE`` if categorical.
        not_measured: Reasons by name; by ``name/attribute`` where it concerns one attribute of several.
        data: Name and fingerprint of the evaluated data; of another collection than the run's also `label`, what it is
            called, and `place`, where it lay.
        run: Method, preset, recipe hash, step and seed of the model.
        versions: Of the software that evaluated.
    """

    format: Literal[1] = 1
    split: str
    images: int
    judge: JudgeFacts
    identity: str | None
    metrics: dict[str, Estimate]
    attributes: dict[str, dict[str, Estimate]]
    off_target_matrix: dict[str, dict[str, Movement]]
    effectiveness_matrix: dict[str, dict[str, Effect]] = Field(default_factory=dict)
    not_measured: dict[str, str]
    data: dict[str, str]
    run: dict[str, str | int]
    versions: dict[str, str]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from attredit.html import html_of

        facts = {"data": f"{self.data['name']}, {self.images:,} images of split {self.split}", **self.run}
        columns = {"all": self.metrics, **(self.attributes if len(self.attributes) > 1 else {})}
        names = dict.fromkeys(name for figures in columns.values() for name in figures)
        rows = [[name, *(_written(figures.get(name)) for figures in columns.values())] for name in names]
        return html_of("Evaluation", facts, [["", *columns], *rows])

    def to_json(self) -> dict[str, Any]:
        """The content of evaluation.json."""
        return self.model_dump()

    def text(self) -> str:
        """evaluation.json, letter by letter."""
        return json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"

    @property
    def label(self) -> str:
        """What the collection is called; empty for the run's own data."""
        return self.data.get("label", "")

    def write(self, run: RunDirectory) -> None:
        """Write evaluation.json, or evaluation-LABEL.json, atomically.

        Raises:
            RunError: it cannot be written.
        """
        write_text(file_of(run, self.label), self.text())

    @classmethod
    def of_now(cls, run: RunDirectory, label: str = "") -> Evaluation | None:
        """A run's evaluation; None if there is none of the model that it has now, which may have been trained further.

        Args:
            run: The run.
            label: Of another collection; empty for the run's own data.

        Raises:
            RunError: a file is damaged.
        """
        if not file_of(run, label).is_file():
            return None
        found = cls.read(run, label)
        return found if found.run["step"] == read_metadata(run.model_file)["step"] else None

    @classmethod
    def elsewhere(cls, run: RunDirectory) -> list[Evaluation]:
        """Those of the model that it has now on other collections, by label.

        Raises:
            RunError: a file is damaged.
        """
        labels = sorted(path.stem.removeprefix(_ELSEWHERE) for path in run.path.glob(f"{_ELSEWHERE}*.json"))
        return [found for label in labels if (found := cls.of_now(run, label)) is not None]

    @classmethod
    def read(cls, run: RunDirectory, label: str = "") -> Evaluation:
        """Read a run's evaluation.json, or that of another collection.

        Raises:
            RunError: the run was not evaluated, or the file is damaged.
        """
        file = file_of(run, label)
        if not file.is_file():
            on = f" on {label}" if label else ""
            raise RunError(f"{run.path} was not evaluated{on}.", f"Evaluate it: attredit evaluate {run.path}")
        return cls.of_file(file, "Evaluate the run again.")


_ELSEWHERE = "evaluation-"


def file_of(run: RunDirectory, label: str = "") -> Path:
    """Where an evaluation is kept: evaluation.json, or a name of its own for each other collection."""
    return run.path / (f"{_ELSEWHERE}{slug(label)}.json" if label else "evaluation.json")


def slug(label: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^\w.]+", "-", label).strip("-.") or "other"


def _written(figure: Estimate | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.4g}" + ("" if figure.low is None else f" ({figure.low:.4g} to {figure.high:.4g})")
