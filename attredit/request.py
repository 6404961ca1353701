"""What a user asks for: one description of a training, which commands, scripts, benchmarks and config.json share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from attredit.data import Augmentation, Crop, Geometry, require_nothing_left_out
from attredit.data.collection import Collection, choose_dataset, source_of
from attredit.documents import Document
from attredit.errors import UsageError, nearest
from attredit.files import expanded
from attredit.plugin.registry import Registry, bare

PlacePath = Annotated[
    str | None, BeforeValidator(lambda path: str(expanded(path)) if isinstance(path, str | Path) else path)
]


class CollectionRequest(Document):
    """Which images, and how they are seen.

    Attributes:
        dataset: Registered data set, or ``NAME:ARGUMENT`` for one that takes an argument; a plugin's in full,
            ``PLUGIN/NAME``, where several have one.
        data_dir: Where the data lie, for data sets that are not embedded.
        data_options: Options of the data set.
        strict: Make an error of whatever is left out of the data set with a warning.
        image_size: H = W.
        crop: Which square of an image: "none", "centre", "celeba" or "box"; see `attredit.data.Geometry`.
    """

    dataset: str = "synthfaces/synthfaces"
    data_dir: PlacePath = None
    data_options: dict[str, Any] = Field(default_factory=dict)
    strict: bool = False
    image_size: int = Field(64, gt=0)
    crop: Crop = "centre"

    @property
    def dataset_name(self) -> str:
        """The data set's name alone, for people."""
        return bare(self.dataset)

    def settled(self, registry: Registry) -> Self:
        """The same with full names, and no argument in the data set's, for a process that may start elsewhere.

        Raises:
            UsageError: an unknown data set, one that takes no argument, an empty one, or an option that is given twice.
        """
        name, directory, options = choose_dataset(registry, self.dataset, self.data_dir, self.data_options)
        place = None if directory is None else str(Path(directory).resolve())
        return self.model_copy(update={"dataset": name, "data_dir": place, "data_options": options})

    def collection(self, registry: Registry) -> Collection:
        """Those images, opened; nothing has been read from them.

        Raises:
            UsageError: an unknown data set or option.
            DataError: the data are not where they should be, or have no boxes, and the crop needs them; or, if strict,
                something is left out of them.
        """
        full, place, options = choose_dataset(registry, self.dataset, self.data_dir, self.data_options)
        source = source_of(registry, full, self.image_size, place, options, self.crop)
        if self.strict:
            require_nothing_left_out(source)
        geometry = Geometry(size=self.image_size, channels=source.channels, crop=self.crop)
        return Collection(registry.find("dataset", full).name, source, geometry, self.strict, full)

    def replaced(self, **changes: Any) -> Self:
        """The same with some fields replaced, checked as if they had been asked for."""
        return type(self).model_validate({**self.model_dump(exclude_unset=True), **changes})

    def words(self, *without: str) -> list[str]:
        """The command line's words for whatever differs from the defaults.

        Args:
            *without: Fields that are left out.
        """
        fields = type(self).model_fields
        return [w for name in FLAGS if name in fields and name not in without for w in self._words(name)]

    def _words(self, name: str) -> Iterator[str]:
        value, flag = getattr(self, name), FLAGS[name]
        if value == type(self).model_fields[name].get_default(call_default_factory=True):
            return
        if isinstance(value, bool):
            yield flag
        elif isinstance(value, Mapping):
            # A recipe's values are whole; options of a data set are typed one by one.
            for key, inner in leaves(value) if name == "data_options" else value.items():
                yield from (flag, f"{key}={_text(inner)}")
        else:
            for item in value if isinstance(value, tuple) else (value,):
                yield from (flag, str(item))


class Request(CollectionRequest):
    """A training. `None` leaves it to the recipe.

    Attributes:
        method: Registered method.
        preset: One of its presets.
        overrides: Dotted recipe keys and their values.
        attributes: Names of the attributes to edit; a data set's only one needs no naming.
        balance: Attributes whose values, or combinations of values, shall be equally frequent in batches.
        frame: "auto": the model also learns where its images' frame lies, if they share one, and finds it in pictures;
            "none": it looks where `crop` says.
        augment: What is done to images in training: "none", or of "flip", "affine" and "jitter" some; see
            `attredit.data.augment`. By default photographs are mirrored, if `attredit.data.mirrored` finds no left
            and right in them.
        steps: Length of training; or `epochs`.
        epochs: Length of training in passes over the data.
        batch_size: Images a step over all processes.
        seed: Seed of everything.
        run_dir: Where to write; ``runs/METHOD-DATASET-ATTRIBUTES`` with a number when that is taken; of many
            attributes their number.
        precision: "fp32" or "bf16".
        device: "cpu", "cuda", "mps"; the best there is when None.
        log_every: Steps between two lines of metrics.
        save_every: Steps between two checkpoints.
        log: Trackers that are told of metrics, by accelerate's names: "tensorboard", "wandb", "mlflow", "trackio", ...
    """

    method: str = "ifcvaegan/ifcvaegan"
    preset: str = "default"
    overrides: dict[str, Any] = Field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    balance: tuple[str, ...] = ()
    frame: Literal["auto", "none"] = "auto"
    augment: tuple[Augmentation, ...] = ()
    steps: int | None = Field(None, gt=0)
    epochs: float | None = Field(None, gt=0)
    batch_size: int | None = Field(None, gt=0)
    seed: int = Field(0, ge=0)
    run_dir: PlacePath = None
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str | None = None
    log_every: int = Field(50, gt=0)
    save_every: int = Field(500, gt=0)
    log: tuple[str, ...] = ()

    @field_validator("augment")
    @classmethod
    def _none_stands_alone(cls, kinds: tuple[Augmentation, ...]) -> tuple[Augmentation, ...]:
        if "none" in kinds and len(kinds) > 1:
            raise ValueError("none goes with no other")
        return kinds

    @property
    def method_name(self) -> str:
        """The method's name alone, for people."""
        return bare(self.method)

    def settled(self, registry: Registry) -> Self:
        """See `CollectionRequest.settled`."""
        return super().settled(registry).model_copy(update={"method": registry.find("method", self.method).id})

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Request:
        """A request from keyword arguments.

        Raises:
            UsageError: an unknown one, or a value that cannot be.
        """
        try:
            return cls.model_validate(asked)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "request"
            if first["type"] == "extra_forbidden":
                raise UsageError(f"A training has no {name!r}.", nearest(name, list(cls.model_fields))) from None
            raise UsageError(f"{name} is {asked.get(name)!r}: {first['msg']}.") from None


_TYPED = (
    "method", "preset", "dataset", "attributes", "overrides", "data_dir", "data_options", "balance", "image_size",
    "crop", "frame", "augment", "strict", "steps", "epochs", "batch_size", "seed", "precision", "device", "log_every",
    "save_every", "log", "run_dir",
)  # fmt: skip
_OTHERWISE = {"attributes": "--attr", "overrides": "--set", "data_options": "--data-option"}

FLAGS = {name: _OTHERWISE.get(name, f"--{name.replace('_', '-')}") for name in _TYPED}
"""The command line's name of every field, in the order in which they are typed."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested dictionaries, and their values."""
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from leaves(inner, f"{path}.{key}".lstrip("."))


def _text(value: Any) -> str:
    """As the command line reads it: JSON, but plain words without quotes."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except json.JSONDecodeError:
            return value
    return json.dumps(value)
