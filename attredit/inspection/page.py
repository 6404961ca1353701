"""What a data set is, as one HTML page in the looks of a run's report."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from attredit.attributes import Attribute
from attredit.inspection.collection import GROUPS, Inspection, warnings_of
from attredit.inspection.matrix import matrix_svg
from attredit.report.document import document, embedded
from attredit.report.faces import value_title
from attredit.report.grid import Pixels
from attredit.report.page import image

_SHOWN_OF_GROUP = 4


def page(inspection: Inspection, command: str) -> str:
    """The whole page.

    Args:
        inspection: What to show.
        command: The command line that made it.
    """
    body = [_head(inspection), _warnings(inspection), _prevalence(inspection), _matrix(inspection)]
    body += [_examples(inspection), _duplicates(inspection), _broken(inspection)]
    body.append(
        f"<section><h2>Make it again</h2><pre>{escape(command)}</pre></section>"
        "<footer><p>Attribute names are labels of a data set; they say nothing of who somebody is.</p></footer>"
    )
    return document(f"{inspection.name}: the data set", body, styles=["attredit.inspection"])


def _head(inspection: Inspection) -> str:
    store = inspection.stores[inspection.first]
    facts = {f"Images in {split}": f"{len(own):,}" for split, own in inspection.stores.items()}
    facts |= {
        "Attributes": str(len(inspection.schema)),
        "Prepared at": f"{store.geometry.size} × {store.geometry.size}, {store.geometry.channels} channels",
    }
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return (
        f'<header><div class="eyebrow">attredit datasets inspect</div><h1>{escape(inspection.name)}</h1>'
        f'<dl class="facts">{cells}</dl></header>'
    )


def _warnings(inspection: Inspection) -> str:
    found = warnings_of(inspection)
    if not found:
        return '<section><h2>Warnings</h2><p class="fine">None.</p></section>'
    items = "".join(f"<li>{escape(line)}</li>" for line in found)
    title = f"{len(found)} warning{'s' if len(found) > 1 else ''}"
    return f'<section><h2>{title}</h2><ul class="warnings">{items}</ul></section>'


def _prevalence(inspection: Inspection) -> str:
    splits = list(inspection.counts)
    heads = "".join(f'<th scope="col" class="number">{escape(split)}</th>' for split in splits)
    rows = "".join(_rows(inspection, attribute) for attribute in inspection.schema)
    return (
        '<section><h2>How often</h2><p class="note">Share of the images that have a label, and how many there are.</p>'
        '<div class="scroll"><table><thead><tr><th scope="col">Attribute</th><th scope="col">Value</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _rows(inspection: Inspection, attribute: Attribute) -> str:
    rows = ""
    for place, value in enumerate(attribute.values):
        cells = "".join(
            f'<td class="number"><b>{share}</b> {n:,}</td>' for share, n in inspection.shares(attribute, place)
        )
        name = escape(attribute.name.replace("_", " ")) if place == 0 else ""
        rows += f'<tr><th scope="row">{name}</th><td>{escape(value)}</td>{cells}</tr>'
    if unlabelled := inspection.unlabelled(attribute):
        cells = "".join(f'<td class="number"><b>{share}</b> {n:,}</td>' for share, n in unlabelled)
        rows += f'<tr><th scope="row"></th><td>no label, of all</td>{cells}</tr>'
    return rows


def _matrix(inspection: Inspection) -> str:
    if len(inspection.schema) < 2:
        return ""
    drawn = matrix_svg(inspection.associations[inspection.first], inspection.schema.names)
    return (
        '<section class="matrix"><h2>What goes together</h2><p class="note">Correlations in '
        f"{escape(inspection.first)}: phi of two binary attributes, from -1 to 1; Cramér’s V, from 0 to 1, where "
        f"one has more than two values.</p>{drawn}</section>"
    )


def _examples(inspection: Inspection) -> str:
    store = inspection.stores[inspection.first]
    figures = ""
    for attribute in inspection.schema:
        figures += f"<h3>{escape(attribute.name.replace('_', ' '))}</h3>"
        for value in reversed(range(len(attribute.values))):
            rows = inspection.examples(attribute, value)
            title = value_title(attribute, value).replace("_", " ")
            if len(rows):
                strip = np.concatenate(store.images[rows], axis=1)
                shown = embedded(_as_image(strip), f"{len(rows)} images {title}", Path("strip.jpg"))
                figures += (
                    f'<figure style="--images:{len(rows)}"><figcaption>{escape(title)}</figcaption>{shown}</figure>'
                )
    note = f'<p class="note">Drawn at random from {escape(inspection.first)}, as prepared.</p>'
    return f'<section class="examples"><h2>Examples</h2>{note}{figures}</section>'


def _as_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")


def _duplicates(inspection: Inspection) -> str:
    duplicates = inspection.duplicates
    found = [(f"{split}, again in {split}", duplicates.within(split)) for split in inspection.stores]
    found += [(f"{later}, also in {earlier}", n) for later, earlier, n in inspection.leaks()]
    rows = "".join(f'<tr><td>{escape(what)}</td><td class="number">{n:,}</td></tr>' for what, n in found)
    groups = "".join(
        "<div>" + "".join(_member(inspection, split, row) for split, row in group[:_SHOWN_OF_GROUP]) + "</div>"
        for group in duplicates.groups(GROUPS)
    )
    shown = f'<h3>The first of them</h3><div class="groups">{groups}</div>' if groups else ""
    heads = '<th scope="col">Images of</th><th scope="col" class="number">n</th>'
    return (
        '<section><h2>Duplicates</h2><p class="note">The same picture, also where it was saved anew or resized.</p>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{shown}</section>"
    )


def _broken(inspection: Inspection) -> str:
    cells = ((split, image.file or f"row {image.row}", image.reason) for split, image in inspection.broken())
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Split", "Image", "Why"))
    table = f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"<section><h2>Left out, for they cannot be decoded</h2>{table}</section>" if rows else ""


def _member(inspection: Inspection, split: str, row: int) -> str:
    name = f"{split} {row}"
    pixels = inspection.stores[split].images[row]
    return f"<figure>{image(pixels, name)}<figcaption>{escape(name)}</figcaption></figure>"
