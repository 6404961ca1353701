"""config.json: everything needed to rebuild a run's model, and where it came from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from attredit.attributes import Attribute, AttributeSchema
from attredit.data.geometry import Geometry
from attredit.documents import Document
from attredit.plugin.files import is_file_version
from attredit.recipe import Recipe
from attredit.request import Request


class DataFacts(Document):
    """Which images a run saw, and how often.

    Attributes:
        fingerprint: Of images, labels and geometry.
        images: How many it trained on.
        prevalence: Of each value of each attribute that is edited or balanced: its share of the images that have a
            label, and in batches.
        missing: How many images have no label, by attribute; those of which all have one are left out.
    """

    fingerprint: str = ""
    images: int = 0
    prevalence: dict[str, dict[str, tuple[float, float]]] = Field(default_factory=dict)
    missing: dict[str, int] = Field(default_factory=dict)

    def prevalences(self, balanced: bool) -> list[str]:
        """The same in words, an attribute each: ``Hat: 0 90.0 % (50.0 % in batches), 1 10.0 % (50.0 % in batches)``.

        Where labels are missing, their number follows: ``Hat: 0 90.0 %, 1 10.0 %, without a label 12 of 100 images``.

        Args:
            balanced: Whether batches have other shares than the images.
        """
        words = []
        for name, of in self.prevalence.items():
            parts = [f"{value} {_percent(in_all, in_batches, balanced)}" for value, (in_all, in_batches) in of.items()]
            if count := self.missing.get(name, 0):
                parts.append(f"without a label {count:,} of {self.images:,} images")
            words.append(f"{name}: {', '.join(parts)}")
        return words


def _percent(in_all: float, in_batches: float, balanced: bool) -> str:
    return f"{100 * in_all:.1f} %" + (f" ({100 * in_batches:.1f} % in batches)" if balanced else "")


class Origin(Document):
    """Where the method, or a part's, a term's or the data set's code came from.

    Attributes:
        id: Of the component, ``plugin/name``.
        distribution: That the plugin is of; the name of a plugin file.
        version: Of the distribution; ``sha256:`` and the digest of a plugin file.
    """

    id: str
    distribution: str
    version: str

    @property
    def plugin(self) -> str:
        """The plugin's name."""
        return self.id.split("/")[0]

    @property
    def is_file(self) -> bool:
        """Whether it is of a plugin file."""
        return is_file_version(self.version)


class RunConfig(Document):
    """config.json.

    Attributes:
        request: What was asked for; without a run's place and device, which are this machine's.
        recipe: The whole recipe.
        attributes: Those that the model edits.
        channels: Of its images.
        geometry: Which square of an image is seen, at which size, and what is white.
        frame: Whether it has learnt to find the frame in pictures.
        data: Which images it saw.
        steps: Length of training.
        batch_size: Images a step, over all processes.
        origins: Where the code of method, parts, terms and data set came from.
        versions: Of what it was trained with.
    """

    format: Literal[2] = 2
    request: Request
    recipe: Recipe
    attributes: tuple[Attribute, ...] = Field(min_length=1)
    channels: int = Field(gt=0)
    geometry: Geometry
    frame: bool = False
    data: DataFacts
    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    origins: dict[str, Origin] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def schema_(self) -> AttributeSchema:
        """The attributes that the model edits."""
        return AttributeSchema(self.attributes)

    @property
    def image_size(self) -> int:
        """H = W of the model's images."""
        return self.geometry.size

    @property
    def prevalences(self) -> list[str]:
        """How frequent each value was, an attribute each; see `DataFacts.prevalences`."""
        return self.data.prevalences(bool(self.request.balance))

    @property
    def plugin_files(self) -> tuple[str, ...]:
        """Names of the plugin files that took part."""
        return tuple(dict.fromkeys(origin.distribution for origin in self.origins.values() if origin.is_file))

    @property
    def plugin_options(self) -> list[str]:
        """What a command about the run needs beside it: ``--plugin`` for each of these files."""
        return [word for file in self.plugin_files for word in ("--plugin", file)]

    def command(self, run_dir: Path | None = None) -> str:
        """The command that trains the same model again, telling no trackers; what is not the default is spelt out.

        Args:
            run_dir: Named in the command, if given.
        """
        request = self.request.model_copy(update={"run_dir": None if run_dir is None else str(run_dir)})
        return shlex.join(["attredit", "train", *request.words("log"), *self.plugin_options])

    @model_validator(mode="after")
    def _can_edit(self) -> RunConfig:
        if missing := [name for name in self.recipe.edits_with if name not in self.recipe.parts]:
            raise ValueError(f"its recipe has no {' and no '.join(missing)}")
        return self
