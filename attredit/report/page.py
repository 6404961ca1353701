"""report.html: one page with everything in it, for light and dark screens, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attredit.report import curves
from attredit.report.document import document, embedded
from attredit.report.faces import EDIT, EXPLAINED, ORIGINAL, SWEEP, TRUTH, Edits, Face, task
from attredit.report.figures import headline, measured_on, missing, rows
from attredit.report.grid import Pixels, picture

if TYPE_CHECKING:
    from attredit.report.content import Content

_PLAIN = (ORIGINAL, EDIT, TRUTH)


def page(content: Content) -> str:
    """The whole page."""
    title = f"{content.config.method} on {content.config.data.name}: {', '.join(content.config.schema_.names)}"
    body = [_head(content), _stats(content), *(_edits(edits) for edits in content.edits)]
    body += [
        _legend(content),
        _evaluation(content),
        *_elsewhere(content),
        _curves(content),
        _commands(content),
        _foot(content),
    ]
    return document(title, body)


def _head(content: Content) -> str:
    config = content.config
    facts = {
        "Method": f"{config.method}, {config.preset}",
        "Data": config.data.name,
        "Training images": f"{config.data.images:,}",
        "Image size": f"{config.image_size} × {config.image_size}",
        "Steps": f"{config.steps:,} × {config.batch_size} images",
        "Latent": f"{config.recipe.latent_dim} numbers",
    }
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return (
        f'<header><div class="eyebrow">{escape(config.method)} on {escape(config.data.name)}</div>'
        f"<h1>Editing {escape(_listed(config.schema_.names))}</h1>"
        f'<p class="lead">{escape(content.summary[:1].upper() + content.summary[1:])}. '
        f"The images below are of the {escape(content.split)} split.</p>"
        f'<dl class="facts">{cells}</dl></header>'
    )


def _stats(content: Content) -> str:
    """The few figures that say most, large."""
    if content.evaluation is None:
        return '<p class="note">Not evaluated yet: <code>attredit evaluate</code> adds figures to this page.</p>'
    cards = "".join(
        f'<div class="stat"><b>{escape(row.value)}</b><span>{escape(row.label)} '
        f'<i class="arrow">{row.arrow}</i></span><small>{escape(row.interval)}</small></div>'
        for row in headline(content.evaluation["metrics"])
    )
    return f'<section aria-label="Main figures"><div class="stats">{cards}</div></section>'


def _edits(edits: Edits) -> str:
    blocks = []
    for before in dict.fromkeys(face.before for face in edits.faces):
        faces = [face for face in edits.faces if face.before == before]
        blocks.append(f"<h3>{escape(_spaced(task(edits.attribute, faces[0])))}</h3>")
        blocks.append(_grid(edits.columns, faces))
    return f"<section><h2>{escape(_spaced(edits.attribute.name))}</h2>{''.join(blocks)}{_sweeps(edits)}</section>"


def _grid(columns: tuple[str, ...], faces: list[Face]) -> str:
    heads = "".join(
        f'<div class="head{" main" if column in _PLAIN else ""}">{escape(_spaced(column))}</div>' for column in columns
    )
    cells = "".join(image(face.images[column], _alt(face, column)) for face in faces for column in columns)
    return f'<div class="scroll"><div class="faces" style="--columns:{len(columns)}">{heads}{cells}</div></div>'


def _alt(face: Face, column: str) -> str:
    change = f"image {face.index}, {_spaced(face.before)}"
    return f"{_spaced(column)}: {change}" + (f", edited to {_spaced(face.after)}" if column in (EDIT, TRUTH) else "")


def _sweeps(edits: Edits) -> str:
    """The attribute from less to more, for two faces."""
    if not edits.sweeps:
        return ""
    name = _spaced(edits.attribute.name)
    strips = "".join(
        f'<div class="scroll"><div class="strip" style="--columns:{len(SWEEP)}">'
        + "".join(
            f"<figure>{image(pixels, f'{name} at {value:g}')}<figcaption>{value:g}</figcaption></figure>"
            for value, pixels in zip(SWEEP, strip, strict=True)
        )
        + "</div></div>"
        for strip in edits.sweeps
    )
    return f"<h3>{escape(name)} from less than none to more than all</h3>{strips}"


def _legend(content: Content) -> str:
    shown = {column for edits in content.edits for column in edits.columns}
    entries = "".join(
        f"<dt>{escape(column)}</dt><dd>{escape(text)}</dd>" for column, text in EXPLAINED.items() if column in shown
    )
    return (
        '<section aria-label="What the columns are"><h2>What the columns are</h2>'
        f'<dl class="legend">{entries}<dt>without, with</dt><dd>the decoder’s whole image, asked for one value or the '
        "other</dd></dl></section>"
    )


def _evaluation(content: Content) -> str:
    evaluation = content.evaluation
    if evaluation is None:
        return ""
    attributes = evaluation.get("attributes", {})
    single = "".join(
        f"<details><summary>{escape(_spaced(name))} alone</summary>{_table(figures)}</details>"
        for name, figures in attributes.items()
        if len(attributes) > 1
    )
    return (
        f"<section><h2>Evaluation</h2>{_measured_on(evaluation)}{_table(evaluation['metrics'])}{single}"
        f"{_unmeasured(evaluation)}</section>"
    )


def _elsewhere(content: Content) -> Iterator[str]:
    """The figures of each other collection, those that say most on top."""
    for found in content.elsewhere:
        few = {row.name: found["metrics"][row.name] for row in headline(found["metrics"])}
        yield (
            f"<section><h2>On {escape(found['data']['label'])}</h2>{_measured_on(found)}{_table(few)}"
            f"<details><summary>All figures</summary>{_table(found['metrics'])}{_unmeasured(found)}</details></section>"
        )


def _measured_on(evaluation: Mapping[str, Any]) -> str:
    legend = "↑ higher is better, ↓ lower is better; intervals are of 95 %."
    return (
        f'<p class="note">{escape(measured_on(evaluation))}, read by judge {evaluation["judge"]["hash"]}. {legend}</p>'
    )


def _unmeasured(evaluation: Mapping[str, Any]) -> str:
    return "".join(
        f'<p class="note">Not measured: {escape(names)}: {escape(reason)}</p>' for names, reason in missing(evaluation)
    )


def _table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">Metric</th><th scope="col"></th>'
        '<th scope="col" class="number">Value</th><th scope="col" class="number">95 % interval</th>'
        f'<th scope="col" class="number">n</th></tr></thead><tbody>{"".join(_rows(figures))}</tbody></table></div>'
    )


def _rows(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    group = ""
    for row in rows(figures):
        if row.group != group:
            group = row.group
            yield f'<tr class="group"><th colspan="5" scope="rowgroup">{escape(group)}</th></tr>'
        detail = ' class="detail"' if row.label.startswith(("of these", "for comparison")) else ""
        yield (
            f'<tr><td{detail} title="{escape(row.name)}">{escape(row.label)}</td><td class="arrow">{row.arrow}</td>'
            f'<td class="number"><b>{escape(row.value)}</b></td><td class="number">{escape(row.interval)}</td>'
            f'<td class="number">{row.n}</td></tr>'
        )


def _curves(content: Content) -> str:
    if not content.series:
        return ""
    figures = "".join(
        f"<figure><figcaption>{escape(name.rpartition('/')[2])} <span>{escape(name.partition('/')[0])}</span>"
        f"</figcaption>{_labelled(curves.svg(name, *values), name, values[1])}</figure>"
        for name, values in content.series.items()
    )
    return (
        '<section><h2>Training</h2><p class="note">Losses before weighting, by step, and the player that minimises '
        f'them.</p><div class="curves">{figures}</div></section>'
    )


def _labelled(drawing: str, name: str, values: list[float]) -> str:
    label = f"{name} from {values[0]:.3g} to {values[-1]:.3g}"
    return drawing.replace('role="img"', f'role="img" aria-label="{escape(label)}"', 1)


def _commands(content: Content) -> str:
    lines = escape("\n".join(content.commands))
    return f"<section><h2>Make it again</h2><pre>{lines}</pre></section>"


def _foot(content: Content) -> str:
    config = content.config
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    return (
        "<footer><p>Edited pictures are not evidence of anything. Do not edit photographs of people without their "
        "consent, and say that a picture was edited wherever you show it. Attribute names are labels of a data set; "
        f"they say nothing of who somebody is.</p>"
        f"<p>Recipe {config.recipe.hash}, data {escape(config.data.fingerprint)}, "
        f"seed {config.seed}. {escape(versions)}.</p></footer>"
    )


def image(pixels: Pixels, alt: str) -> str:
    """An image (H, W, C) as an element that holds it."""
    return embedded(picture(pixels, pixels.shape[1]), alt, Path("image.png"))


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: tuple[str, ...]) -> str:
    *most, last = map(_spaced, names)
    return f"{', '.join(most)} and {last}" if most else last
