"""What is compared: methods, data sets, attributes and seeds under one budget. Read from small TOML files.

docs/benchmarks.md explains the format. Every combination is a cell; `attredit.benchmark.cells` makes them.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from attredit.data import Augmentation, Crop
from attredit.documents import Document
from attredit.errors import UsageError, nearest
from attredit.files import expanded
from attredit.plugin.registry import bare
from attredit.recipe import parse_overrides
from attredit.request import leaves

# What tables show unless a suite says otherwise; table.csv has every figure.
COLUMNS = (
    "mse", "class0", "class1", "edit_success", "off_target", "composite_edit_success", "composite_edit_realism",
    "composite_off_target", "unchanged", "leakage_mean", "leakage_sample",
)  # fmt: skip

_BUILT_IN = files("attredit.benchmark") / "suites"
_LONGEST = 5000


class Varied(Document):
    """Overrides of a recipe, fixed and varied.

    Attributes:
        overrides: ``key=value`` as for ``attredit train --set``; the TOML key is ``set``.
        grid: Dotted keys and the values that each takes; all combinations are compared.
    """

    overrides: tuple[str, ...] = Field((), alias="set")
    grid: dict[str, tuple[Any, ...]] = Field(default_factory=dict)

    @field_validator("overrides")
    @classmethod
    def _are_overrides(cls, items: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_overrides(items)
        except UsageError as error:
            raise ValueError(error.message) from None
        return items

    @field_validator("grid", mode="before")
    @classmethod
    def _bare_keys_nest(cls, grid: Any) -> Any:
        return dict(leaves(grid)) if isinstance(grid, Mapping) and grid else grid

    @field_validator("grid")
    @classmethod
    def _values_differ(cls, grid: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        for key, values in grid.items():
            if not values or any(values.count(value) > 1 for value in values):
                raise ValueError(f"{key} needs one or more values, each once")
        return grid


def _a_name_is_a_set(sets: Any) -> Any:
    return [[item] if isinstance(item, str) else item for item in sets] if isinstance(sets, list) else sets


AttributeSets = Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_a_name_is_a_set)]


class MethodEntry(Varied):
    """A method, or one for every point of its grid.

    Attributes:
        name: Registered method.
        preset: One of its presets.
        label: What its row is called; name and preset when empty.
    """

    name: str
    preset: str = "default"
    label: str = ""

    @property
    def title(self) -> str:
        """The label, or name and preset."""
        return self.label or bare(self.name if self.preset == "default" else f"{self.name}:{self.preset}")


class CollectionEntry(Document):
    """A data set and its options.

    Attributes:
        name: Registered data set.
        label: What its tables are called; the name when empty.
        data_dir: Where it lies, for data sets that are files.
        options: Of the data set.
    """

    name: str
    label: str = ""
    data_dir: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """The label, or the name."""
        return self.label or bare(self.name)


def _a_name_is_a_collection(given: Any) -> Any:
    items = given if isinstance(given, list | tuple) else [given]
    return [{"name": item} if isinstance(item, str) else item for item in items]


class DatasetEntry(CollectionEntry):
    """A data set to train on, and what models of it are measured on.

    Attributes:
        attributes: Sets of its own, instead of the suite's.
        crop: Which square of an image is seen, as for `attredit train`.
        augment: What is done to images in training, as for `attredit train`.
        balance: Attributes whose values, or combinations of values, are equally frequent in training batches.
        evaluate_on: Other collections that are measured on beside its own test images.
    """

    attributes: AttributeSets = ()
    crop: Crop = "centre"
    augment: tuple[Augmentation, ...] = ()
    balance: tuple[str, ...] = ()
    evaluate_on: Annotated[tuple[CollectionEntry, ...], BeforeValidator(_a_name_is_a_collection)] = ()

    @property
    def asked(self) -> dict[str, Any]:
        """The same as fields of a `Request`."""
        return {
            "dataset": self.name,
            "data_dir": self.data_dir,
            "data_options": self.options,
            "crop": self.crop,
            "augment": self.augment,
            "balance": self.balance,
        }


class Budget(Document):
    """How long each cell trains; exactly one of the three.

    Attributes:
        steps: Of training.
        images: Images seen, whatever the batch size.
        seconds: Of training, turned into steps by a calibration of each cell.
    """

    steps: int | None = Field(None, gt=0)
    images: int | None = Field(None, gt=0)
    seconds: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of steps, images and seconds, not {' and '.join(given) or 'none'}")
        return self

    def in_steps(self, batch_size: int) -> int:
        """Steps of that many images; of a budget that is not of seconds."""
        assert self.seconds is None
        return self.steps or max(1, round((self.images or 0) / batch_size))

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:,g} seconds"
        return f"{self.steps:,} steps" if self.steps is not None else f"{self.images:,} images"


class EvaluationPlan(Document):
    """What each cell is measured on.

    Attributes:
        split: Of the data set.
        limit: Only so many of its images, evenly spread.
        full: Also what takes a further network: identity, and FID and KID if Inception's weights are there.
    """

    split: str = "test"
    limit: int | None = Field(None, gt=0)
    full: bool = False


class Suite(Varied):
    """A suite; its `overrides` and `grid` are for every method.

    Attributes:
        name: What it is called: the file's name.
        summary: What it is for, one sentence.
        methods: To compare.
        datasets: To train and measure on.
        attributes: Each set is one model that edits all of the set.
        seeds: Of training.
        budget: Of each training.
        image_size: H = W.
        precision: Of training.
        evaluation: What to measure on.
        columns: Metrics that the tables show.
    """

    name: str
    summary: str = ""
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    datasets: tuple[DatasetEntry, ...] = Field(min_length=1)
    attributes: AttributeSets = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    budget: Budget
    image_size: int = Field(64, gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    evaluation: EvaluationPlan = EvaluationPlan()
    columns: tuple[str, ...] = COLUMNS

    @model_validator(mode="after")
    def _nothing_twice(self) -> Suite:
        lists: list[tuple[str, list[Any]]] = [
            ("method", [label for label, _, _ in self.points()]),
            ("data set", [entry.title for entry in self.datasets]),
            *(("attribute set", list(sets)) for sets in (self.attributes, *(d.attributes for d in self.datasets))),
            ("seed", list(self.seeds)),
        ]
        for kind, items in lists:
            twice = next((item for item in items if items.count(item) > 1), None)
            if twice is not None:
                raise ValueError(f"{kind} {twice!r} is there twice; give each method and data set its own label")
        return self

    def points(self) -> Iterator[tuple[str, MethodEntry, dict[str, Any]]]:
        """Every row of the tables: its label, its entry, and its place in the grid by dotted key."""
        for entry in self.methods:
            grid = {**self.grid, **entry.grid}
            for values in itertools.product(*grid.values()):
                point = dict(zip(grid, values, strict=True))
                yield " ".join([entry.title, *(f"{short(k)}={v}" for k, v in point.items())]), entry, point

    def overrides_of(self, entry: MethodEntry, point: Mapping[str, Any]) -> dict[str, Any]:
        """All overrides of a row: the suite's, its own, its place in the grid; the last one holds."""
        return {**parse_overrides(self.overrides), **parse_overrides(entry.overrides), **point}


def built_in() -> dict[str, str]:
    """Names of the built-in suites and what they are for."""
    return {name: read_suite(name).summary for name in _names()}


def read_suite(name: str) -> Suite:
    """A built-in suite by name, or one from a file whose name ends in ``.toml``.

    Raises:
        UsageError: there is none, or it is no suite; the message says where and what to write instead.
    """
    if name.endswith(".toml"):
        path = expanded(name)
        if not path.is_file():
            raise UsageError(f"There is no file {name}.", "Name a suite file, or a built-in suite.")
        try:
            text = path.read_text("utf-8-sig")  # editors on Windows put a mark before it
        except UnicodeDecodeError as error:
            raise UsageError(f"{name} is no text in UTF-8: {error}.", "Save it as that.") from None
        if (longest := max(map(len, text.splitlines()), default=0)) > _LONGEST:
            # Such a key takes minutes to read.
            raise UsageError(f"{name} is no suite: it has a line of {longest:,} characters.", "Name a suite file.")
        return parse_suite(text, name, path.stem)
    if name not in _names():
        raise UsageError(f"Unknown suite {name!r}.", f"{nearest(name, _names())} Or name a file that ends in .toml.")
    return parse_suite((_BUILT_IN / f"{name}.toml").read_text("utf-8"), f"suite {name}", name)


def _names() -> list[str]:
    return sorted(item.name.removesuffix(".toml") for item in _BUILT_IN.iterdir() if item.name.endswith(".toml"))


def parse_suite(text: str, where: str, name: str) -> Suite:
    """A suite from TOML.

    Raises:
        UsageError: it is none.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{where} is no TOML: {error}.") from None
    if "name" in data:
        raise UsageError(f"{where} has a name.", "A suite is called as its file is.")
    return validated({**data, "name": name}, where)


def validated(data: Mapping[str, Any], where: str) -> Suite:
    """A suite from plain data.

    Raises:
        UsageError: the first thing that is wrong, and where.
    """
    try:
        return Suite.model_validate(data)
    except ValidationError as error:
        # A mistyped key is also a missing one, and says more.
        first = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            place, _, key = place.rpartition(".")
            raise UsageError(
                f"{where}: {place or 'the suite'} has no key {key!r}.", nearest(key, _keys(place))
            ) from None
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {f'{place}: ' if place else ''}{reason}.") from None


def short(key: str) -> str:
    """The part of a dotted recipe key that says most: ``players.autoencoder.terms.kl.weight`` is about ``kl``."""
    *rest, last = key.split(".")
    return rest[-1] if rest and last in ("use", "weight", "options") else last


def _keys(place: str) -> Sequence[str]:
    """Keys that a section of the file may have."""
    models: dict[str, type[Document]]
    models = {"methods": MethodEntry, "datasets": DatasetEntry, "budget": Budget, "evaluation": EvaluationPlan}
    model = CollectionEntry if "evaluate_on" in place.split(".") else models.get(place.split(".")[0], Suite)
    return [field.alias or name for name, field in model.model_fields.items() if (model, name) != (Suite, "name")]
