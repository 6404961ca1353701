"""Comparisons as tables: what was measured and what it took, for the terminal, Markdown, LaTeX and CSV.

`grids` lays a comparison out once; everything that draws a table draws these.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attredit.benchmark.compare import Comparison, Row, Value, comparisons_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.files import write_text
from attredit.report.figures import ARROWS, Unit, meaning

LEGEND = (
    "Shares in per cent. Intervals are of 95 % and cover other test images and, from two seeds on, other seeds. "
    "* marks a figure whose paired difference from the next best one, on the same images, excludes zero."
)
COUNTS = "n a seed"
"""The row that says on how many images, or verdicts, the figures of one seed rest."""
# What a cell took, by heading: which of its facts, the unit, and how it is written.
_COSTS = {
    "steps": ("steps", 1, ",.0f"),
    "seconds": ("training_seconds", 1, ",.1f"),
    "parameters": ("parameters", 1, ",.0f"),
    "memory MB": ("memory_bytes", 1e6, ",.0f"),
    "GPU MB": ("gpu_bytes", 1e6, ",.0f"),
}


@dataclass(frozen=True)
class Entry:
    """What stands in a place of a table: a figure, its interval, and whether it is the best."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Grid:
    """A table as it is drawn.

    Attributes:
        title: Above it.
        headings: Of its columns, the first being that of the rows' labels.
        rows: Labels and entries.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry, ...]], ...]


def write_tables(directory: BenchmarkDirectory) -> tuple[list[Comparison], list[Path]]:
    """Write table.md, table.tex and table.csv of what is finished by now.

    Returns:
        What they show, and the files.

    Raises:
        RunError: the benchmark cannot be read, or a file cannot be written.
    """
    found, plan = comparisons_of(directory), directory.read()
    texts = {
        "table.md": as_markdown(plan.suite, plan.summary, found),
        "table.tex": as_latex(found),
        "table.csv": as_csv(found),
    }
    for name, text in texts.items():
        write_text(directory.path / name, text)
    return found, [directory.path / name for name in texts]


def grids(comparison: Comparison) -> list[Grid]:
    """What was measured; and what it took, unless that stands under another table."""
    rows = comparison.rows
    names = [name for name in comparison.columns if any(name in row.values for row in rows)]
    measured = [(row.label, tuple(_figure(row, name) for name in names)) for row in rows]
    measured += [(COUNTS, tuple(Entry(_counts(rows, name)) for name in names))] if names else []
    costs, headings = [_cost(row) for row in rows], ("seeds", *_COSTS)
    columns = [i for i, name in enumerate(headings) if name != "GPU MB" or any(cost[i].text != "–" for cost in costs)]
    took = tuple((row.label, tuple(cost[i] for i in columns)) for row, cost in zip(rows, costs, strict=True))
    found = Grid(comparison.title, ("method", *(_heading(name) for name in names)), tuple(measured))
    if comparison.on:
        return [found]
    return [
        found,
        Grid(f"{comparison.title}: what it took", ("method", *(headings[i] for i in columns)), took),
    ]


def facts(comparison: Comparison) -> list[str]:
    """What tables have to say beside their figures, in sentences."""
    rows, cell = comparison.rows, comparison.cell
    every = [facts for row in rows for facts in row.facts]
    measured = [figures for row in rows for figures in row.figures]
    images = sorted({figures.images for figures in measured})
    lines = [
        f"Budget {cell.budget} each; {cell.request.image_size}x{cell.request.image_size} pixels; seeds {_seeds(rows)}."
    ]
    if every:
        counts = " or ".join(f"{n:,}" for n in images)
        of = f" of {comparison.on}" if comparison.on else ""
        judges = ", ".join(sorted({figures.judge for figures in measured}))
        lines[0] += f" Measured on {counts} images of the {cell.evaluation.split} split{of} by judge {judges}."
        lines += sorted({_machine(facts.machine) for facts in every})
    for row in rows:
        lines += [f"Failed: {row.label}, seed {seed}: {reason}" for seed, reason in row.failures]
    missing = sum(row.asked - len(row.seeds) - len(row.failures) for row in rows)
    return [*lines, *([f"Not finished yet: {missing} of {sum(r.asked for r in rows)} cells."] if missing else []),
            *comparison.notes]  # fmt: skip


def as_markdown(suite: str, summary: str, comparisons: Sequence[Comparison]) -> str:
    """All comparisons, as table.md."""
    lines = [f"# {suite}", "", *([summary, ""] if summary else []), LEGEND, ""]
    for comparison in comparisons:
        for grid in grids(comparison):
            lines += [f"## {grid.title}", "", f"| {' | '.join(grid.headings)} |"]
            lines.append(f"| --- |{' ---: |' * (len(grid.headings) - 1)}")
            for label, entries in grid.rows:
                lines.append(
                    f"| {label.replace('|', chr(92) + '|')} | {' | '.join(_markdown(entry) for entry in entries)} |"
                )
            lines.append("")
        lines += [*(f"- {line}" for line in facts(comparison)), ""]
    return "\n".join(lines)


def as_latex(comparisons: Sequence[Comparison]) -> str:
    """All comparisons, as table.tex: tabulars for a document that uses booktabs."""
    lines = [f"% {LEGEND.replace('%', 'per cent')}", "% \\usepackage{booktabs}"]
    for comparison in comparisons:
        lines += [f"% {line}" for line in facts(comparison)]
        for grid in grids(comparison):
            lines += [f"% {grid.title}", f"\\begin{{tabular}}{{l{'r' * (len(grid.headings) - 1)}}}", "\\toprule"]
            lines += [f"{' & '.join(_tex(heading) for heading in grid.headings)} \\\\", "\\midrule"]
            for label, entries in grid.rows:
                lines.append(f"{_tex(label)} & {' & '.join(_latex(entry) for entry in entries)} \\\\")
            lines += ["\\bottomrule", "\\end{tabular}", ""]
    return "\n".join(lines)


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """All comparisons, as table.csv: a line for every row, plain numbers, every figure that was measured."""
    names = dict.fromkeys(name for c in comparisons for row in c.rows for name in row.values)
    costs = [name for name, _, _ in _COSTS.values()]
    fields = [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_n", "_best")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["dataset", "measured_on", "attributes", "method", "budget", "asked", "failed", "seeds", *costs, *fields]
    )
    for c in comparisons:
        for row in c.rows:
            start = [
                c.cell.dataset.title,
                c.on or c.cell.dataset.title,
                " ".join(c.cell.attributes),
                row.label,
                str(c.cell.budget),
                row.asked,
            ]
            start += [len(row.failures), " ".join(map(str, row.seeds)), *(row.mean(cost) for cost in costs)]
            writer.writerow([*start, *(field for name in names for field in _fields(row.values.get(name)))])
    return text.getvalue()


def number(value: float, unit: Unit) -> str:
    """A figure without its unit, which the heading has."""
    if unit in ("share", "error", "bits"):  # intervals over few seeds may reach below what there can be
        value = max(value, 0.0)
    if unit == "share":
        return f"{100 * value:.1f}"
    if unit == "error":
        return f"{value:.5f}".removeprefix("0")  # an interval has to fit under its heading
    return f"{value:.2f}" if unit == "dB" else f"{value:.3g}"


def _heading(name: str) -> str:
    about = meaning(name)
    # The arrow is not torn off its name where a heading is broken into lines.
    return f"{name.replace('composite_', 'composite ')}\N{NO-BREAK SPACE}{ARROWS[about.better]}".rstrip()


def _figure(row: Row, name: str) -> Entry:
    if name not in row.values:
        return Entry("–")
    found, unit = row.values[name], meaning(name).unit
    low, high = found.estimate.low, found.estimate.high
    interval = "" if low is None or high is None else f"{number(low, unit)}–{number(high, unit)}"
    return Entry(number(found.estimate.value, unit), interval, found.best)


def _counts(rows: Sequence[Row], name: str) -> str:
    """On how many images, or verdicts, a figure of one seed rests."""
    found = {row.values[name].estimate.n // len(row.seeds) for row in rows if name in row.values}
    return "–".join(f"{n:,}" for n in sorted({min(found), max(found)}))


def _cost(row: Row) -> list[Entry]:
    """Means over seeds; of memory too, whose largest would grow with the number of seeds."""
    whole = len(row.seeds) == row.asked
    entries = [Entry(str(len(row.seeds)) if whole else f"{len(row.seeds)} of {row.asked}")]
    for name, scale, form in _COSTS.values():
        mean = row.mean(name)
        entries.append(Entry("–" if mean is None else format(mean / scale, form)))
    return entries


def _seeds(rows: Sequence[Row]) -> str:
    found = sorted({seed for row in rows for seed in (*row.seeds, *(seed for seed, _ in row.failures))})
    return ", ".join(map(str, found)) or "none yet"


def _machine(machine: dict[str, str | int]) -> str:
    device = f"{machine.get('gpu', machine['device'])}, " if machine["device"] != "cpu" else ""
    return (
        f"Machine: {device}{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads a cell, "
        f"torch {machine['torch']}, attredit {machine['attredit']}."
    )


def _markdown(entry: Entry) -> str:
    text = f"**{entry.text}** *" if entry.best else entry.text
    return f"{text} ({entry.interval})" if entry.interval else text


def _latex(entry: Entry) -> str:
    text = f"\\textbf{{{entry.text}}}" if entry.best else _tex(entry.text)
    interval = f" {{\\scriptsize ({entry.interval.replace('–', '--')})}}" if entry.interval else ""
    return text + interval


def _tex(text: str) -> str:
    """Text with what LaTeX would take for commands written out."""
    special = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    special |= {c: f"\\{c}" for c in "&%$#_{}"} | {
        "↑": "$\\uparrow$",
        "↓": "$\\downarrow$",
        "–": "--",
        "\N{NO-BREAK SPACE}": "~",
    }
    return "".join(special.get(c, c) for c in text)


def _fields(value: Value | None) -> Iterator[object]:
    if value is None:
        yield from [""] * 5
    else:
        estimate = value.estimate
        yield from (estimate.value, estimate.low, estimate.high, estimate.n, int(value.best))
