"""report.png: the report in one picture, for a README."""

from __future__ import annotations

from PIL import Image, ImageDraw

from attredit.editing.editor import SWEEP
from attredit.report.content import Content
from attredit.report.curves import panel
from attredit.report.faces import MISS, EditedFaces
from attredit.report.figures import rows
from attredit.report.grid import INK, MUTED, PAPER, grid, picture
from attredit.report.lettering import write_line

_MARGIN = 28
_PANEL = 500
_TOP = 92
_LINE = 25
_CURVES = 6
_CURVE = 135
_MOST_ATTRIBUTES = 2
# Faces of one attribute, by how many attributes are shown.
_FACES = {1: 6, 2: 4}
_RULE = "#e2e5e8"
_FIGURES = (
    "psnr",
    "ssim",
    "edit_success",
    "composite_edit_success",
    "composite_edit_realism",
    "composite_off_target",
    "label_accuracy",
    "unchanged",
    "judge_accuracy",
    "composite_counterfactual_mse",
    "copy_mse",
    "leakage_mean",
)


def summary(content: Content) -> Image.Image:
    """Edits of a few faces on the left; figures and losses on the right."""
    shown = content.edits[:_MOST_ATTRIBUTES]
    grids = [_grid(edits, _FACES[len(shown)]) for edits in shown]
    left = max(image.width for image in grids)
    height = max(_TOP + sum(image.height for image in grids) + _MARGIN, 980)
    canvas = Image.new("RGB", (_MARGIN + left + _MARGIN + _PANEL + _MARGIN, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    _title(draw, content)
    y = _TOP
    for image in grids:
        canvas.paste(image, (_MARGIN - 14, y))
        y += image.height
    x = _MARGIN + left + _MARGIN
    y = _figures(draw, content, x, _TOP + 14)
    y = _losses(canvas, draw, content, x, y)
    for edits in shown:
        y = _sweep(canvas, draw, edits, x, y)
    return canvas


def _title(draw: ImageDraw.ImageDraw, content: Content) -> None:
    config = content.config
    names = ", ".join(config.schema_.names).replace("_", " ")
    write_line(draw, (_MARGIN, 26), f"{config.request.method_name} on {config.request.dataset_name}: {names}", INK, 26)
    line = (
        f"{config.image_size}x{config.image_size} pixels, {config.data.images:,} training images, {config.steps:,} "
        f"steps of {config.batch_size}, preset {config.request.preset}; images of the {content.split} split"
    )
    write_line(draw, (_MARGIN, 62), line, MUTED, 15)


def _grid(edits: EditedFaces, count: int) -> Image.Image:
    columns = [column for column in edits.columns if column != MISS]
    faces = edits.first(max(1, count // len(edits.groups())))
    return grid([[face.images[column] for column in columns] for face in faces], columns=columns)


def _figures(draw: ImageDraw.ImageDraw, content: Content, x: int, y: int) -> int:
    """A short table; returns where it ends."""
    if content.evaluation is None:
        write_line(draw, (x, y), "Not evaluated: attredit evaluate adds figures.", MUTED, 15)
        return y + 2 * _LINE
    write_line(draw, (x, y), f"{content.evaluation.images:,} {content.evaluation.split} images", INK, 16)
    write_line(draw, (x + _PANEL - 130, y + 2), "value", MUTED, 13, anchor="ra")
    write_line(draw, (x + _PANEL, y + 2), "95 % interval", MUTED, 13, anchor="ra")
    y += _LINE
    for row in rows({k: v for k, v in content.evaluation.metrics.items() if k in _FIGURES}):
        draw.line([(x, y), (x + _PANEL, y)], _RULE)
        write_line(draw, (x, y + 5), row.label, INK, 14)
        write_line(draw, (x + _PANEL - 130, y + 5), row.value, INK, 14, anchor="ra")
        write_line(draw, (x + _PANEL, y + 6), row.interval, MUTED, 12, anchor="ra")
        y += _LINE
    return y + _LINE


def _losses(canvas: Image.Image, draw: ImageDraw.ImageDraw, content: Content, x: int, y: int) -> int:
    """Small curves; returns where they end."""
    if not content.series:
        return y
    _heading(draw, "Losses by step", x, y)
    series = dict(list(content.series.items())[:_CURVES])
    height = -(-len(series) // 2) * _CURVE
    canvas.paste(panel(series, _PANEL, height), (x, y + 34))
    return y + 34 + height + _LINE


def _sweep(canvas: Image.Image, draw: ImageDraw.ImageDraw, edits: EditedFaces, x: int, y: int) -> int:
    """One face at several values of an attribute, if there is room; returns where it ends."""
    side = _PANEL // len(SWEEP)
    if not edits.sweeps or y + 34 + side + _MARGIN > canvas.height:
        return y
    _heading(draw, f"{edits.attribute.name.replace('_', ' ')} from {SWEEP[0]:g} to {SWEEP[-1]:g}", x, y)
    for i, pixels in enumerate(edits.sweeps[0]):
        canvas.paste(picture(pixels, side), (x + i * side, y + 34))
    return y + 34 + side + _LINE


def _heading(draw: ImageDraw.ImageDraw, text: str, x: int, y: int) -> None:
    write_line(draw, (x, y), text, INK, 16)
    draw.line([(x, y + 24), (x + _PANEL, y + 24)], _RULE)
