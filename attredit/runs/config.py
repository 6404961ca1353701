"""config.json: everything needed to rebuild a run's model, and where it came from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from attredit.attributes import Attribute, AttributeSchema
from attredit.data.augment import Augmentation
from attredit.data.geometry import Geometry
from attredit.plugin.files import is_file_version
from attredit.recipe import Recipe

FORMAT: Literal[1] = 1


class DataConfig(BaseModel):
    """Which images a run saw, and how often.

    Attributes:
        name: Of the data set.
        directory: Where it lay, for data sets that are files.
        options: Of the data set.
        fingerprint: Of images, labels and geometry.
        images: How many it trained on.
        balance: Attributes whose combinations of values are equally frequent in batches.
        prevalence: Of each value of each attribute that is edited or balanced: its share of the images that have a
            label, and in batches.
        missing: How many images have no label, by attribute; those of which all have one are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    directory: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    fingerprint: str = ""
    images: int = 0
    balance: tuple[str, ...] = ()
    prevalence: dict[str, dict[str, tuple[float, float]]] = Field(default_factory=dict)
    missing: dict[str, int] = Field(default_factory=dict)

    @property
    def prevalences(self) -> list[str]:
        """The same in words, an attribute each: ``Hat: 0 90.0 % (50.0 % in batches), 1 10.0 % (50.0 % in batches)``.

        Where labels are missing, their number follows: ``Hat: 0 90.0 %, 1 10.0 %, without a label 12 of 100 images``.
        """
        return [
            f"{name}: {', '.join([*(self._share(*item) for item in of.items()), *self._unlabelled(name)])}"
            for name, of in self.prevalence.items()
        ]

    def _unlabelled(self, name: str) -> list[str]:
        count = self.missing.get(name, 0)
        return [f"without a label {count:,} of {self.images:,} images"] if count else []

    def _share(self, value: str, shares: tuple[float, float]) -> str:
        images, batches = (f"{100 * share:.1f} %" for share in shares)
        return f"{value} {images} ({batches} in batches)" if self.balance else f"{value} {images}"


class Origin(BaseModel):
    """Where the method, or a part's, a term's or the data set's code came from.

    Attributes:
        id: Of the component, ``plugin/name``.
        distribution: That the plugin is of; the name of a plugin file.
        version: Of the distribution; ``sha256:`` and the digest of a plugin file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class RunConfig(BaseModel):
    """config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    method: str
    preset: str
    recipe: Recipe
    attributes: tuple[Attribute, ...] = Field(min_length=1)
    channels: int = Field(gt=0)
    geometry: Geometry
    augment: tuple[Augmentation, ...] = ()
    data: DataConfig
    seed: int
    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    log_every: int = Field(50, gt=0)
    save_every: int = Field(500, gt=0)
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
    def plugin_files(self) -> tuple[str, ...]:
        """Names of the plugin files that took part."""
        return tuple(dict.fromkeys(origin.distribution for origin in self.origins.values() if origin.is_file))

    @property
    def plugin_options(self) -> list[str]:
        """What a command about the run needs beside it: ``--plugin`` for each of these files."""
        return [word for file in self.plugin_files for word in ("--plugin", file)]

    @model_validator(mode="after")
    def _can_edit(self) -> RunConfig:
        if missing := [name for name in self.recipe.edits_with if name not in self.recipe.parts]:
            raise ValueError(f"its recipe has no {' and no '.join(missing)}")
        return self
