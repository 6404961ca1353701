"""Cells: one method on one data set with one set of attributes and one seed, and the hash that identifies each.

Two cells with one key are the same work, so a finished one is never done again. The key covers everything that decides
what is measured: recipe, data, budget, seed, image size, what is evaluated, and the source code that does it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from attredit.benchmark.suite import Budget, CollectionEntry, DatasetEntry, EvaluationPlan, Suite, short
from attredit.data import Geometry, fingerprint_of
from attredit.data.collection import build_source, choose_dataset
from attredit.data.source import DataSource
from attredit.errors import UsageError, nearest
from attredit.evaluation.elsewhere import Elsewhere, opened
from attredit.evaluation.result import slug
from attredit.launch import Request
from attredit.plugin.files import is_file_version
from attredit.plugin.registry import Component, Registry
from attredit.recipe import Recipe, resolve
from attredit.training.players import components_of
from attredit.version import __version__

# To be raised when cells are carried out differently by this package, which the digest of the source leaves out.
VERSION = 1

# They show what is there, look after plugins or carry cells out, and decide nothing of what is measured.
_LEFT_OUT = ("benchmark", "blind", "cli", "inspection", "report", "scaffold", "testing")


AnEntry = TypeVar("AnEntry", bound=CollectionEntry)


class Cell(BaseModel):
    """One training and its evaluation.

    Attributes:
        key: Identifies the work; see the module.
        suite: The suite that it belongs to.
        label: Of its row.
        point: Its place in the suite's grid, by short name of the varied key.
        method: Registered method.
        preset: One of its presets.
        overrides: Of the recipe.
        recipe: The resolved recipe's hash.
        dataset: What it is trained and measured on.
        attributes: Those that the model edits.
        seed: Of training.
        image_size: H = W.
        precision: Of training.
        budget: Of training.
        evaluation: What is measured on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    suite: str
    label: str
    point: dict[str, Any]
    method: str
    preset: str
    overrides: dict[str, Any]
    recipe: str
    dataset: DatasetEntry
    attributes: tuple[str, ...]
    seed: int
    image_size: int
    precision: Literal["fp32", "bf16"]
    budget: Budget
    evaluation: EvaluationPlan

    @property
    def table(self) -> str:
        """Which table it belongs to: data set and attributes."""
        return f"{self.dataset.title}: {', '.join(self.attributes)}"

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.label}, {self.table}, seed {self.seed}"

    def request(self, run_dir: Path, device: str | None) -> Request:
        """Its training; a budget of seconds has no steps yet."""
        return Request(
            method=self.method,
            preset=self.preset,
            overrides=self.overrides,
            dataset=self.dataset.name,
            attributes=self.attributes,
            data_dir=self.dataset.data_dir,
            data_options=self.dataset.options,
            balance=self.dataset.balance,
            image_size=self.image_size,
            seed=self.seed,
            run_dir=str(run_dir),
            precision=self.precision,
            device=device,
        )


def cells_of(suite: Suite, registry: Registry) -> list[Cell]:
    """All cells; those of one seed together, so that every method has a first result early.

    Raises:
        UsageError: an unknown method, preset, recipe key, data set, attribute or split.
        DataError, PluginError: the data are not where they should be, or a plugin is broken.
    """
    rows = [
        (label, entry, point, resolve(registry, entry.name, entry.preset, suite.overrides_of(entry, point)))
        for label, entry, point in suite.points()
    ]
    data = [_open(registry, suite, _resolved(registry, entry)) for entry in suite.datasets]
    cells = []
    for seed in suite.seeds:
        for dataset, source, facts in data:
            for attributes in dataset.attributes or suite.attributes:
                source.schema.select(attributes)
                for label, entry, point, recipe in rows:
                    code = code_digest(_components(registry, recipe, dataset.name))
                    cell = Cell(
                        key="",
                        suite=suite.name,
                        label=label,
                        point={short(k): v for k, v in point.items()},
                        method=entry.name,
                        preset=entry.preset,
                        overrides=suite.overrides_of(entry, point),
                        recipe=recipe.hash,
                        dataset=dataset,
                        attributes=attributes,
                        seed=seed,
                        image_size=suite.image_size,
                        precision=suite.precision,
                        budget=suite.budget,
                        evaluation=suite.evaluation,
                    )
                    cells.append(cell.model_copy(update={"key": _key(cell, facts, code)}))
    return cells


def code_digest(components: Iterable[Component]) -> str:
    """Hex digest of the version and the source files of attredit, and of the plugins that bring these components."""
    components = list(components)
    # Of a plugin file, what was loaded: the file itself may have changed since.
    files = {component.plugin: component.version for component in components if is_file_version(component.version)}
    packages = {component.target.split(":")[0].split(".")[0] for component in components} - {"attredit", *files}
    facts = [__version__, *(f"{name} {source_digest(name)}" for name in ("attredit", *sorted(packages)))]
    facts += [f"{name} {version}" for name, version in sorted(files.items())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _key(cell: Cell, data: list[str], code: str) -> str:
    names = ("recipe", "attributes", "seed", "image_size", "precision", "budget", "evaluation")
    own = cell.model_dump(include=set(names))
    facts = [VERSION, [own[name] for name in names], data, code]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _open(registry: Registry, suite: Suite, entry: DatasetEntry) -> tuple[DatasetEntry, DataSource, list[str]]:
    """A data set, whose other collections have their labels now, and what identifies the splits that a cell reads."""
    source = build_source(
        registry, entry.name, image_size=suite.image_size, data_dir=entry.data_dir, options=dict(entry.options)
    )
    split = suite.evaluation.split
    if split not in source.splits:
        raise UsageError(f"{entry.name} has no split {split!r}.", nearest(split, source.splits))
    balance = source.schema.select(entry.balance).names
    geometry = Geometry(size=suite.image_size, channels=source.channels)
    facts = [entry.name, *balance, *(fingerprint_of(source, name, geometry) for name in ("train", split))]
    edited = source.schema.select(dict.fromkeys(chain(*(entry.attributes or suite.attributes))))
    others = []
    for other in entry.evaluate_on:
        found = opened(registry, elsewhere_of(other), edited, geometry)
        if split not in found.source.splits:
            raise UsageError(f"{found.label} has no split {split!r}.", nearest(split, found.source.splits))
        others.append(_resolved(registry, other).model_copy(update={"label": found.label}))
        facts += [slug(found.label), *(fingerprint_of(found.source, name, geometry) for name in ("train", split))]
    names = [slug(other.label) for other in others]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{entry.title} is evaluated on two collections called {twice}.", "Give each its own label.")
    return entry.model_copy(update={"evaluate_on": tuple(others)}), source, facts


def elsewhere_of(entry: CollectionEntry) -> Elsewhere:
    """A collection to measure on, as an evaluation names it."""
    return Elsewhere(entry.name, entry.data_dir, entry.options, entry.label)


def _resolved(registry: Registry, entry: AnEntry) -> AnEntry:
    """The same without an argument in its name, for a process that may start elsewhere."""
    name, directory, options = choose_dataset(registry, entry.name, entry.data_dir, entry.options).values()
    place = None if directory is None else str(Path(directory).expanduser().resolve())
    return entry.model_copy(update={"name": name, "data_dir": place, "options": options})


def _components(registry: Registry, recipe: Recipe, dataset: str) -> list[Component]:
    """Everything whose code takes part in a cell."""
    return [*components_of(registry, recipe, dataset).values(), *registry.components("metric")]


@cache
def source_digest(package: str) -> str:
    """Hex digest of a package's source files and their names, read once a process; nothing is imported."""
    digest = hashlib.sha256()
    for name, file in source_files(package):
        digest.update(f"{name}\n".encode() + file.read_bytes() + b"\n")
    return digest.hexdigest()


def source_files(package: str) -> Iterator[tuple[str, Path]]:
    """Names and paths of a package's source files; of attredit, those alone that compute. Nothing is imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    if not spec.submodule_search_locations:
        yield package, Path(spec.origin)
        return
    root = Path(spec.origin).parent
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root)
        if package != "attredit" or name.parts[0] not in _LEFT_OUT:
            yield name.as_posix(), file
