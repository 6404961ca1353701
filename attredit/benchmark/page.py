"""report.html of a benchmark: its tables, which can be sorted, the same faces edited by every method, and plots.

One page that needs no other file, in the looks of a run's report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from attredit.benchmark import plots
from attredit.benchmark.compare import Comparison, compare
from attredit.benchmark.plan import BenchmarkDirectory
from attredit.benchmark.tables import COUNTS, LEGEND, Entry, Grid, facts, grids
from attredit.errors import AttrEditError
from attredit.files import write_text
from attredit.report.content import Content, gather
from attredit.report.document import document
from attredit.report.faces import EDIT, ORIGINAL, RECONSTRUCTION, SWEEP, TRUTH, Edits, Face
from attredit.report.page import image
from attredit.runs.directory import RunDirectory

_FACES = 3
"""Faces shown of each value of an attribute."""


@dataclass(frozen=True)
class Shown:
    """A row of a comparison and the run that pictures are made with, its first seed's."""

    label: str
    content: Content


def write_page(directory: BenchmarkDirectory) -> Path:
    """Write report.html of what is finished by now.

    Raises:
        RunError: the benchmark cannot be read, or the page cannot be written.
    """
    plan, found = directory.read(), compare(directory)
    script = files("attredit.benchmark").joinpath("page.js").read_text("utf-8")
    body = [
        f'<header><div class="eyebrow">attredit benchmark</div><h1>{escape(plan.suite)}</h1>'
        f'<p class="lead">{escape(plan.summary)}</p></header>',
        *(_comparison(directory, comparison) for comparison in found),
        f"<footer><p>{escape(LEGEND)} A click on a heading sorts by it.</p><p>Edited pictures are not evidence of "
        "anything. Do not edit photographs of people without their consent.</p></footer>",
    ]
    text = document(plan.suite, body, styles=["attredit.benchmark"], script=script)
    target = directory.path / "report.html"
    write_text(target, text)
    return target


def _comparison(directory: BenchmarkDirectory, comparison: Comparison) -> str:
    shown, missing = _shown(directory, comparison)
    notes = "".join(f'<p class="note">{escape(line)}</p>' for line in (*facts(comparison), *missing))
    tables = "".join(_table(grid) for grid in grids(comparison))
    methods = {row.label: row.method for row in comparison.rows}
    losses = plots.training([(methods[s.label], s.content.series) for s in shown])
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"
        for title, svg in filter(None, (plots.tradeoff(comparison), *plots.along(comparison), losses))
    )
    plotted = f'<section><h3>Plots</h3><div class="plots">{figures}</div></section>' if figures else ""
    return f"<section><h2>{escape(comparison.title)}</h2>{tables}{notes}</section>{plotted}{_pictures(shown)}"


def _shown(directory: BenchmarkDirectory, comparison: Comparison) -> tuple[list[Shown], list[str]]:
    """Rows with a run that can be shown; and a note on every other."""
    if comparison.on:  # the pictures are of the data set's own images, under its own table
        return [], []
    found, missing = [], list[str]()
    keys = {(cell.label, cell.seed): cell.key for cell in directory.read().cells if cell.table == comparison.cell.table}
    for row in comparison.rows:
        if not row.seeds:
            continue
        try:
            run = RunDirectory(directory.run(keys[row.label, row.seeds[0]]))
            found.append(Shown(row.label, gather(run, ())))
        except AttrEditError as error:
            missing.append(f"No pictures of {row.label}: {error.message}")
    return found, missing


def _table(grid: Grid) -> str:
    heads = "".join(
        f'<th scope="col"{"" if i == 0 else " class=number"}><button type="button">{escape(heading)}</button></th>'
        for i, heading in enumerate(grid.headings)
    )
    body = "".join(
        f'<tr{" class=counts" if label == COUNTS else ""}><th scope="row">{escape(label)}</th>'
        f"{''.join(_cell(entry) for entry in entries)}</tr>"
        for label, entries in grid.rows
    )
    return (
        f'<h3>{escape(grid.title)}</h3><div class="scroll"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(entry: Entry) -> str:
    figure = f"<b>{escape(entry.text)}*</b>" if entry.best else escape(entry.text)
    interval = f"<small>{escape(entry.interval)}</small>" if entry.interval else ""
    return f'<td class="number">{figure}{interval}</td>'


def _pictures(shown: Sequence[Shown]) -> str:
    """The same faces, edited by every method."""
    if not shown:
        return ""
    sections = []
    for place, edits in enumerate(shown[0].content.edits):
        every = [(s.label, s.content.edits[place]) for s in shown]
        name = escape(edits.attribute.name.replace("_", " "))
        grid = f"<h3>{name}: composite edits</h3>{_faces(edits, [(label, e, EDIT) for label, e in every])}"
        decoded = f"<h3>{name}: reconstructions</h3>{_faces(edits, [(label, e, RECONSTRUCTION) for label, e in every])}"
        sections.append(f"<section>{grid}{decoded}{_sweeps(every)}</section>")
    return "".join(sections)


def _faces(edits: Edits, columns: Sequence[tuple[str, Edits, str]]) -> str:
    first = [ORIGINAL, *([TRUTH] if TRUTH in edits.columns and columns[0][2] == EDIT else [])]
    heads = "".join(f'<div class="head">{escape(head)}</div>' for head in (*first, *(label for label, _, _ in columns)))
    rows = ""
    for place in _chosen(edits.faces):
        face = edits.faces[place]
        rows += "".join(image(face.images[name], f"{name}: face {face.index}") for name in first)
        rows += "".join(
            image(own.faces[place].images[kind], f"{label}, {kind}: face {face.index}") for label, own, kind in columns
        )
    width = len(first) + len(columns)
    return f'<div class="scroll"><div class="faces" style="--columns:{width}">{heads}{rows}</div></div>'


def _chosen(faces: Sequence[Face]) -> list[int]:
    """Places of the first few faces of each value."""
    places = []
    for before in dict.fromkeys(face.before for face in faces):
        places += [i for i, face in enumerate(faces) if face.before == before][:_FACES]
    return places


def _sweeps(every: Sequence[tuple[str, Edits]]) -> str:
    """One face along the attribute, a strip for each method."""
    if not every[0][1].sweeps:
        return ""
    strips = "".join(
        f'<p class="note">{escape(label)}</p><div class="scroll"><div class="strip" style="--columns:{len(SWEEP)}">'
        + "".join(
            f"<figure>{image(pixels, f'{label} at {value:g}')}<figcaption>{value:g}</figcaption></figure>"
            for value, pixels in zip(SWEEP, edits.sweeps[0], strict=True)
        )
        + "</div></div>"
        for label, edits in every
    )
    return f"<h3>From less than none to more than all, decoded</h3>{strips}"
