"""A suite with some of its lists replaced, as ``attredit benchmark --methods ... --seeds ...`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attredit.benchmark.suite import MethodEntry, Suite, checked
from attredit.errors import UsageError


def chosen(
    suite: Suite,
    *,
    methods: Sequence[str] = (),
    attributes: Sequence[str] = (),
    dataset: str | None = None,
    data_dir: str | None = None,
    seeds: str | None = None,
) -> Suite:
    """The suite with what is given instead of its own.

    Args:
        suite: From `read_suite`.
        methods: Labels or methods of the suite, which are kept; or other methods, as NAME or NAME:PRESET. Several may
            be in one text, with commas.
        attributes: Each is one set, its names with commas.
        dataset: One of the suite, with its options; or another.
        data_dir: Where the one data set lies.
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
        own = [entry for entry in data["datasets"] if dataset in (entry["label"], entry["name"])]
        data["datasets"] = own or [{"name": dataset}]
    if data_dir is not None:
        if len(data["datasets"]) > 1:
            names = ", ".join(entry.title for entry in suite.datasets)
            raise UsageError(f"--data-dir is one place, the suite has several data sets: {names}.", "Add --dataset.")
        data["datasets"] = [{**data["datasets"][0], "data_dir": data_dir}]
    if seeds is not None:
        data["seeds"] = _seeds(seeds)
    return checked(data, f"suite {suite.name} as asked for")


def _methods(suite: Suite, asked: Sequence[str]) -> list[MethodEntry]:
    """Entries in the order in which they are asked for."""
    found: list[MethodEntry] = []
    titles = [entry.title for entry in suite.methods]
    for name in (part for text in asked for part in ([text] if text in titles else _parts(text))):
        own = [entry for entry in suite.methods if entry.title == name]
        own = own or [entry for entry in suite.methods if entry.name == name]
        method, _, preset = name.partition(":")
        found += own or [MethodEntry(name=method, preset=preset or "default")]
    return found


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
