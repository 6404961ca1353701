"""evaluation.json in words, groups and order, for whoever shows it: the command line, the card, the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from attredit.checkpoint import RunDirectory
from attredit.errors import RunError

Better = Literal["higher", "lower", ""]

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


@dataclass(frozen=True)
class Meaning:
    """What a metric is about.

    Attributes:
        group: Under which it is listed.
        label: What it is called.
        better: Which direction is good.
    """

    group: str
    label: str
    better: Better


@dataclass(frozen=True)
class Row:
    """One figure, ready to be shown.

    Attributes:
        group: Under which it is listed.
        label: What it is called, with an arrow that says what is good.
        value: The figure.
        interval: Its 95 % interval, or a dash.
        n: On how many images, or verdicts, it rests.
    """

    group: str
    label: str
    value: str
    interval: str
    n: str


MEANINGS: dict[str, Meaning] = {}
OTHER = "Other"


def read_evaluation(run: RunDirectory) -> dict[str, Any] | None:
    """The run's evaluation.json, or None if it was not evaluated.

    Raises:
        RunError: the file is damaged.
    """
    path = run.path / "evaluation.json"
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text("utf-8"))
        if not isinstance(data["metrics"], dict):
            raise ValueError("its metrics are no table")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}.", "Evaluate the run again.") from None
    return dict(data)


def rows(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """Figures by group and in a fixed order; those of plugins come last."""
    order = list(MEANINGS)
    for name in sorted(figures, key=lambda n: order.index(n) if n in MEANINGS else len(order)):
        meaning = MEANINGS.get(name, Meaning(OTHER, name.replace("_", " "), ""))
        yield row(meaning, figures[name])


def row(meaning: Meaning, figure: Mapping[str, Any]) -> Row:
    """One figure as it is shown."""
    label = f"{meaning.label} {ARROWS[meaning.better]}".strip()
    low, high = figure.get("low"), figure.get("high")
    interval = "–" if low is None or high is None else f"{number(low)} to {number(high)}"
    return Row(meaning.group, label, number(figure["value"]), interval, f"{figure['n']:,}")


def number(value: float | None) -> str:
    """A figure with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def markdown(evaluation: Mapping[str, Any]) -> str:
    """The evaluation as a table in Markdown."""
    lines = [
        f"On {evaluation['images']:,} images of the {evaluation['split']} split; ↑ higher is better, ↓ lower is better.",
        "",
        "| | Metric | Value | 95 % interval | n |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    shown = ""
    for line in rows(evaluation["metrics"]):
        group = line.group if line.group != shown else ""
        shown = line.group
        lines.append(f"| {group} | {line.label} | {line.value} | {line.interval} | {line.n} |")
    for name, reason in evaluation.get("not_measured", {}).items():
        lines.append(f"| | {name} | not measured: {reason} | | |")
    return "\n".join(lines)
