"""A suite with some of its lists replaced, as ``attredit benchmark --methods ... --seeds ...`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attredit.benchmark.suite import MethodEntry, Suite, validated
from attredit.errors import UsageError, nearest
from attredit.plugin.registry import bare


def chosen(
    suite: Suite,
    *,
    methods: Sequence[str] = (),
    attributes: Sequence[str] = (),
    dataset: str | None = None,
    data_dir: Sequence[str] = (),
    seeds: str | None = None,
) -> Suite:
    """The suite with what is given instead of its own.

    Args:
        suite: From `read_suite`.
        methods: Labels or methods of the suite, which are kept; or other methods, as NAME or NAME:PRESET. Several may
            be in one text, with commas.
        attributes: Each is one set, its names with commas.
        dataset: One of the suite, with its options; or another.
        data_dir: Where the one data set lies; or ``NAME=DIR`` for one of several, those that are evaluated on included.
        seeds: A number of seeds, or seeds with commas.

    Raises:
        UsageError: it does not make sense.
    """
    data: dict[str, Any] = suite.model_dump(by_alias=True)
    if methods:
        data["methods"] = [entry.model_dump(by_alias=True) for entry in _methods(suite, methods)]
    if attributes:
        data["attributes"] = [_parts(text) for text in attributes]
        data["datasets"] = [{**entry, "attributes": ()} for entry in data["datasets"]]
    if dataset is not None:
        own = [e for e in data["datasets"] if dataset in (e["label"], e["name"], bare(e["name"]))]
        data["datasets"] = own or [{"name": dataset}]
    for place in data_dir:
        _put(data["datasets"], place)
    if seeds is not None:
        data["seeds"] = _seeds(seeds)
    return validated(data, f"suite {suite.name} as asked for")


def _methods(suite: Suite, asked: Sequence[str]) -> list[MethodEntry]:
    """Entries in the order in which they are asked for."""
    found: list[MethodEntry] = []
    titles = [entry.title for entry in suite.methods]
    for name in (part for text in asked for part in ([text] if text in titles else _parts(text))):
        own = [entry for entry in suite.methods if entry.title == name]
        own = own or [entry for entry in suite.methods if name in (entry.name, bare(entry.name))]
        method, _, preset = name.partition(":")
        found += own or [MethodEntry(name=method, preset=preset or "default")]
    return found


def _put(datasets: Sequence[dict[str, Any]], place: str) -> None:
    """Say where a data set lies.

    Raises:
        UsageError: it is not said of which, or there is none of that name.
    """
    every = [*datasets, *(other for entry in datasets for other in entry.get("evaluate_on", ()))]
    named: dict[str, list[dict[str, Any]]] = {}
    for entry in every:
        named.setdefault(entry.get("label") or bare(entry["name"]), []).append(entry)
    name, equals, directory = place.partition("=")
    if equals and name in named:
        for entry in named[name]:
            entry["data_dir"] = directory
    elif equals and not Path(place).exists():
        raise UsageError(f"--data-dir {place} is of no data set of the suite.", nearest(name, named))
    elif len(datasets) > 1:
        titles = ", ".join(named)
        raise UsageError(
            f"--data-dir {place} is one place, the suite has several data sets: {titles}.",
            "Write --data-dir NAME=DIR for each, or add --dataset.",
        )
    else:
        datasets[0]["data_dir"] = place


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seeds(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in _parts(text)]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or (numbers == [0] and "," not in text):
        raise UsageError(f"--seeds {text!r} is neither a number of seeds nor a list of them.", "Write 3, or 0,1,2.")
    return numbers if "," in text else list(range(numbers[0]))
