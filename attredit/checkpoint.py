"""The run directory: what a training leaves behind, how it is read, and how it is resumed.

config.json           everything needed to rebuild the model, and where it came from
model.safetensors     what editing needs: encoder.*, decoder.* and those of a separate predictor
training.safetensors  everything else a resumed training needs, self-contained and written first
metrics.jsonl         one line per log step
samples/              grids of edits
README.md             the model card

Nothing is pickled. Files are replaced atomically: a killed process or a full disk leaves the previous ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from attredit.attributes import Attribute, AttributeSchema
from attredit.data.augment import Augmentation
from attredit.data.geometry import Geometry
from attredit.discovery import LOAD
from attredit.errors import PluginError, RunError
from attredit.files import explained, write_tensors, write_text
from attredit.plugin_files import is_file_version
from attredit.recipe import Recipe
from attredit.registry import PluginInfo, Registry

if TYPE_CHECKING:
    from torch import Tensor

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


class RunDirectory:
    """Paths and files of one run.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.model_file = self.path / "model.safetensors"
        self.training_file = self.path / "training.safetensors"
        self.metrics_file = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.card_file = self.path / "README.md"

    def require_free(self) -> None:
        """Make sure that it holds no run.

        Raises:
            RunError: it does.
        """
        if self.config_file.exists():
            raise RunError(
                f"{self.path} already holds a run.",
                f"Continue it with --resume {self.path}, or name another --run-dir.",
            )

    def create(self, config: RunConfig) -> None:
        """Make the directory and write its configuration.

        Raises:
            RunError: it holds a run already, or cannot be written.
        """
        self.require_free()
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"Cannot create {self.path}: {error.strerror}.", "Name another --run-dir.") from error
        self.write_config(config)

    def write_config(self, config: RunConfig) -> None:
        """Replace config.json. Key order is kept: it is the order in which losses are added, to the last bit."""
        write_text(self.config_file, json.dumps(config.model_dump(), indent=2) + "\n")

    def config(self) -> RunConfig:
        """Read config.json.

        Raises:
            RunError: there is none, or it is damaged or of another format.
        """
        if not self.config_file.is_file():
            raise RunError(
                f"{self.path} is no run: it has no config.json.", "Name a directory that attredit train made."
            )
        try:
            return RunConfig.model_validate_json(self.config_file.read_text("utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            reason = _first(error) if isinstance(error, ValidationError) else str(error)
            raise RunError(
                f"{self.config_file} is damaged or of another version: {reason}.", "Restore it or train again."
            ) from None

    def check_plugins(self, registry: Registry, config: RunConfig, needed: Collection[str] | None = None) -> None:
        """Make sure that the plugins are here that a run came from.

        Args:
            registry: What is installed.
            config: The run's configuration.
            needed: Which of its `origins` are asked for; all when None. Those of plugin files always are: nobody can
                install what they were.

        Raises:
            PluginError: one is missing, broken, left out, or a file that has changed; with what to do.
        """
        present = {p.name: p for p in registry.plugins}
        for what, origin in config.origins.items():
            # A run outlives its method, whose recipe it has.
            if origin.is_file or (what != "method" if needed is None else what in needed):
                _check_origin(what, origin, present.get(origin.plugin), origin.plugin in registry.left_out)

    def save(self, model: Mapping[str, Tensor], training: Mapping[str, Tensor], step: int) -> None:
        """Write both weight files; the self-contained one for resuming first.

        Raises:
            RunError: the disk is full or the directory cannot be written; the previous files are intact.
        """
        write_tensors(self.training_file, training, {"step": step})
        write_tensors(self.model_file, model, {"step": step})

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        with explained(self.metrics_file), self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; one cut short by a kill is left out.

        Raises:
            RunError: a line is none of ours.
        """
        if not self.metrics_file.exists():
            return []
        try:
            lines = [json.loads(line) for line in self.metrics_file.read_text("utf-8").split("\n")[:-1]]
            if not all(isinstance(line["step"], int) for line in lines):
                raise ValueError("a step is no number")
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.metrics_file} is damaged: {error}.", "Restore it, or delete it: nothing is computed from it."
            ) from error
        return lines

    def truncate_metrics(self, step: int) -> None:
        """Forget metrics after a step, which a resumed run is about to repeat."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(kept))


def _check_origin(what: str, origin: Origin, plugin: PluginInfo | None, left_out: bool) -> None:
    """Make sure that one plugin is here, and is what it was if it is a file."""
    its, mend = "whose plugin", f"Install it: pip install {origin.distribution}=={origin.version}"
    if origin.is_file:
        its, mend = f"of the file {origin.distribution}, which", f"Name it: --plugin {origin.distribution}"
    if plugin is not None and plugin.error:
        raise PluginError(f"The run's {what} is {origin.id}, {its} is broken: {plugin.error}.", mend)
    if left_out:
        raise PluginError(f"The run's {what} is {origin.id}, {its} {LOAD} leaves out.", f"Name {origin.plugin} in it.")
    if plugin is None and origin.is_file:
        also = f'in Python: attredit.use_plugin("{origin.distribution}")'
        raise PluginError(f"The run's {what} is {origin.id}, {its} was not named.", f"{mend}; {also}")
    if plugin is None:
        raise PluginError(f"The run's {what} is {origin.id}, {its} is not installed.", mend)
    if origin.is_file and plugin.version != origin.version:
        raise PluginError(
            f"The run's {what} is {origin.id}, {its} has changed since: it is {plugin.version} now.",
            f"Restore the one that is {origin.version}, or train again.",
        )


def _first(error: ValidationError) -> str:
    """The first of its errors, and where."""
    first = error.errors()[0]
    return ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
