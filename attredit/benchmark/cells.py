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
from typing import Any, TypeVar

from attredit.attributes import AttributeSchema
from attredit.benchmark.suite import Budget, CollectionEntry, DatasetEntry, EvaluationPlan, MethodEntry, Suite, short
from attredit.data.collection import choose_dataset
from attredit.documents import Document
from attredit.errors import UsageError
from attredit.evaluation.elsewhere import Elsewhere, opened
from attredit.evaluation.result import slug
from attredit.files import expanded
from attredit.plugin.files import is_file_version
from attredit.plugin.registry import Component, Registry
from attredit.recipe import Recipe, components_of, resolve
from attredit.request import Request
from attredit.version import __version__

# To be raised when cells are carried out differently by this package, which the digest of the source leaves out.
VERSION = 1

# They show what is there, take it elsewhere, look after plugins or carry cells out, and decide nothing of what is
# measured.
_LEFT_OUT = (
    "app", "benchmark", "blind", "cli", "export", "html.py", "inspection", "report", "scaffold", "testing", "tune.py",
)  # fmt: skip


AnEntry = TypeVar("AnEntry", bound=CollectionEntry)


class Cell(Document):
    """One training and its evaluation.

    Attributes:
        key: Identifies the work; see the module.
        suite: The suite that it belongs to.
        label: Of its row.
        point: Its place in the suite's grid, by short name of the varied key.
        request: The training; a budget of seconds has no steps yet, nor has any a place or a device.
        recipe: The resolved recipe's hash.
        dataset: What it is trained and measured on.
        budget: Of training.
        evaluation: What is measured on.
    """

    key: str
    suite: str
    label: str
    point: dict[str, Any]
    request: Request
    recipe: str
    dataset: DatasetEntry
    budget: Budget
    evaluation: EvaluationPlan

    @property
    def attributes(self) -> tuple[str, ...]:
        """Those that the model edits."""
        return self.request.attributes

    @property
    def seed(self) -> int:
        """Of training."""
        return self.request.seed

    @property
    def table(self) -> str:
        """Which table it belongs to: data set and attributes."""
        return f"{self.dataset.title}: {', '.join(self.attributes)}"

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.label}, {self.table}, seed {self.seed}"


def cells_of(suite: Suite, registry: Registry) -> list[Cell]:
    """All cells; those of one seed together, so that every method has a first result early.

    Raises:
        UsageError: an unknown method, preset, recipe key, data set, attribute or split.
        DataError, PluginError: the data are not where they should be, or a plugin is broken.
    """
    rows = [
        (label, entry, point, resolve(registry, entry.name, entry.preset, suite.overrides_of(entry, point)))
        for label, entry, point in _methods(suite, registry)
    ]
    data = [_open(registry, suite, _resolved(registry, entry)) for entry in suite.datasets]
    cells = []
    for seed in suite.seeds:
        for dataset, schema, facts in data:
            for attributes in dataset.attributes or suite.attributes:
                schema.select(attributes)
                for label, entry, point, recipe in rows:
                    code = code_digest(_components(registry, recipe, dataset.name))
                    request = Request(
                        method=entry.name,
                        preset=entry.preset,
                        overrides=suite.overrides_of(entry, point),
                        attributes=attributes,
                        seed=seed,
                        precision=suite.precision,
                        **dataset.asked,
                        # Prepared images are seen as they are; pictures of other collections where a frame is found.
                        frame="auto" if dataset.evaluate_on else "none",
                        image_size=suite.image_size,
                    )
                    cell = Cell(
                        key="",
                        suite=suite.name,
                        label=label,
                        point={short(k): v for k, v in point.items()},
                        request=request,
                        recipe=recipe.hash,
                        dataset=dataset,
                        budget=suite.budget,
                        evaluation=suite.evaluation,
                    )
                    cells.append(cell.model_copy(update={"key": _key(cell, facts, code)}))
    return cells


def _methods(suite: Suite, registry: Registry) -> Iterator[tuple[str, MethodEntry, dict[str, Any]]]:
    """The suite's rows, each with the full name of its method."""
    for label, entry, point in suite.points():
        yield label, entry.model_copy(update={"name": registry.find("method", entry.name).id}), point


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
    asked = cell.request.model_dump(include={"attributes", "seed", "image_size", "precision", "crop", "augment"})
    own = cell.model_dump(include={"recipe", "budget", "evaluation"})
    facts = [VERSION, asked, own, data, code]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _open(registry: Registry, suite: Suite, entry: DatasetEntry) -> tuple[DatasetEntry, AttributeSchema, list[str]]:
    """A data set, whose other collections have their labels now, and what identifies the splits that a cell reads."""
    collection = Request(**entry.asked, image_size=suite.image_size).collection(registry)
    schema, split = collection.schema, suite.evaluation.split
    # The second split is the one that may not be there.
    fingerprints = [collection.fingerprint(name) for name in (split, "train")]
    facts = [entry.name, *schema.select(entry.balance).names, *fingerprints]
    edited = schema.select(dict.fromkeys(chain(*(entry.attributes or suite.attributes))))
    others = []
    for other in entry.evaluate_on:
        found = opened(registry, elsewhere_of(other), edited, collection.geometry)
        others.append(_resolved(registry, other).model_copy(update={"label": found.label}))
        facts += [slug(found.label), found.collection.fingerprint(split)]
    names = [slug(other.label) for other in others]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{entry.title} is evaluated on two collections called {twice}.", "Give each its own label.")
    return entry.model_copy(update={"evaluate_on": tuple(others)}), schema, facts


def elsewhere_of(entry: CollectionEntry) -> Elsewhere:
    """A collection to measure on, as an evaluation names it."""
    return Elsewhere(entry.name, entry.data_dir, entry.options, entry.label)


def _resolved(registry: Registry, entry: AnEntry) -> AnEntry:
    """The same without an argument in its name, for a process that may start elsewhere."""
    name, directory, options = choose_dataset(registry, entry.name, entry.data_dir, entry.options)
    place = None if directory is None else str(expanded(directory).resolve())
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
