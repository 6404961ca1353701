"""``attredit datasets inspect``: what a data set is, and what will hurt."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.markup import escape

from attredit.cli.console import out, progress, say
from attredit.cli.options import PLACE, output_option
from attredit.cli.sources import collection_request, dataset_options, prepared, typed
from attredit.cli.tables import table

if TYPE_CHECKING:
    from attredit.inspection import Inspection
    from attredit.inspection.mislabelled import Doubt

_PAIRS = 10
_BROKEN = 20
_DOUBTS = 20


@click.command
@dataset_options
@click.option("--attr", "attributes", multiple=True, metavar="NAME", help="Look at this attribute only; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout, and nothing else.")
@click.option(
    "--labels",
    "sheet",
    type=PLACE,
    metavar="PNG",
    help="Also train readers, and write the images whose labels they contradict most surely as a contact sheet.",
)
@output_option("Also write a page, one HTML file, with examples and a picture of the correlations.")
def command(
    name: str,
    attributes: tuple[str, ...],
    as_json: bool,
    sheet: Path | None,
    output: Path | None,
    **given: Any,
) -> None:
    """Show what a data set is, and warn of what will hurt: rare or entangled attributes, duplicates, wrong labels.

    All splits are prepared first, as training would do; see `attredit datasets prepare`.
    """
    request = collection_request(name, given)
    stores = prepared(request, attributes=attributes)
    from attredit.inspection import inspect

    with progress() as report:
        inspection = inspect(name, stores, attributes, report)
    if output is not None:
        from attredit.files import write_text
        from attredit.inspection.page import inspection_page

        words = "".join(f" --attr {shlex.quote(attribute)}" for attribute in attributes)
        line = f"attredit datasets inspect {typed(request)}{words} -o {shlex.quote(str(output))}"
        write_text(output, inspection_page(inspection, line))
    found = None if sheet is None else _doubted(inspection, sheet)
    if as_json:
        say(json.dumps(inspection.to_json(), indent=2))
        return
    _show(inspection)
    if found is not None:
        _show_doubts(found, inspection, sheet)
    if output is not None:
        say(f"Page: {output}")
    say("Next:")
    say(f"  attredit train --dataset {typed(request)} --attr {inspection.schema.names[0]}")


def _doubted(inspection: Inspection, path: Path) -> list[Doubt]:
    """Labels of the first split that are probably wrong, and the picture of them."""
    from attredit.inspection.mislabelled import doubts, sheet
    from attredit.report.encoding import write_image

    store = inspection.stores[inspection.first]
    with progress("steps") as report:
        found = doubts(store, inspection.schema, lambda done, total: report("Reading labels", done, total))
    if found:
        write_image(sheet(store, found), path)
    return found


def _show_doubts(found: list[Doubt], inspection: Inspection, path: Path | None) -> None:
    title = f"Labels of {inspection.first} that readers contradict: {len(found):,}"
    rows = table("Row", "Attribute", "Label", "Reads", "Margin", title=title, numbers=("Row", "Margin"))
    for doubt in found[:_DOUBTS]:
        row = inspection.stores[inspection.first].rows[doubt.row]
        names = map(escape, (doubt.attribute.name, doubt.label, doubt.read))
        rows.add_row(str(row), *names, f"{doubt.margin:.2f}")
    out().print(rows)
    if found:
        say(f"Contact sheet: {path}")


def _show(inspection: Inspection) -> None:
    from attredit.inspection import warnings_of

    found = warnings_of(inspection)
    for warning in found:
        say(f"! {warning}", fg="yellow")
    if not found:
        say("No warnings.", fg="green")
    _show_values(inspection)
    _show_pairs(inspection)
    _show_duplicates(inspection)
    _show_broken(inspection)


def _show_values(inspection: Inspection) -> None:
    splits = [f"{split} ({counts.images:,})" for split, counts in inspection.counts.items()]
    rows = table("Attribute", "Value", *map(escape, splits), title=inspection.name, numbers=tuple(splits))
    for attribute in inspection.schema:
        for place, value in enumerate(attribute.values):
            shown = f"[bold]{escape(attribute.name)}[/]" if place == 0 else ""
            cells = [f"{share}  {n:>7,}" for share, n in inspection.shares(attribute, place)]
            rows.add_row(shown, escape(value), *cells)
        if unlabelled := inspection.unlabelled(attribute):
            rows.add_row("", "[dim]no label, of all[/]", *(f"[dim]{share}  {n:>7,}[/]" for share, n in unlabelled))
    out().print(rows)


def _show_pairs(inspection: Inspection) -> None:
    pairs = inspection.strongest(inspection.first)[:_PAIRS]
    if not pairs:
        return
    rows = table("Attribute", "Attribute", "Correlation", title=f"Most in {inspection.first}", numbers=("Correlation",))
    for first, second, value in pairs:
        rows.add_row(escape(first), escape(second), f"{value:.2f}")
    out().print(rows)
    say("Correlation is phi of two binary attributes, Cramér’s V where one has more than two values.", dim=True)


def _show_duplicates(inspection: Inspection) -> None:
    rows = table("Duplicates", "Images", numbers=("Images",))
    for split in inspection.stores:
        rows.add_row(f"{split}, again in {split}", f"{inspection.duplicates.within(split):,}")
    for later, earlier, n in inspection.leaks():
        rows.add_row(f"{later}, also in {earlier}", f"{n:,}")
    out().print(rows)


def _show_broken(inspection: Inspection) -> None:
    broken = inspection.broken()
    if not broken:
        return
    rows = table("Broken image", "Split", "Why", title="Left out")
    for split, image in broken[:_BROKEN]:
        rows.add_row(escape(image.file or f"row {image.row}"), split, escape(image.reason))
    out().print(rows)
    if len(broken) > _BROKEN:
        say(f"And {len(broken) - _BROKEN:,} more; --json lists all.", dim=True)
