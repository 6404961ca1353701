"""Reconstruction and editing: what the judge reads off decoded and composite edits.

Every image passes through each network once: latents, reconstructions and verdicts of a chunk are shared by all
metrics, and an edit to what the decoder was told anyway is the reconstruction itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import MISSING, Attribute
from attredit.editing.editor import Editor
from attredit.editing.model import Edit
from attredit.errors import RunError
from attredit.evaluation import perceptual
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.judge import Reading
from attredit.evaluation.similarity import structural_similarity
from attredit.evaluation.table import Table
from attredit.networks import Code

# Peak signal-to-noise ratios end here: a perfect copy would have an infinite one.
_LARGEST_PSNR = 100.0
# Pixels are bytes when anybody looks at them: a change that rounds to none is none.
_VISIBLE = 0.5 / 255
# What the figures of single judges end with.
JUDGES = ("first", "second")


@dataclass(frozen=True)
class Seen:
    """A chunk of B images and what model and judge make of them.

    Attributes:
        rows: (B,) positions among the evaluated images.
        images: (B, C, H, W).
        labels: (B, n) true labels of all of the source's attributes; `MISSING` where there is none.
        code: The model's: latents that edits start from, and what the decoder is told of the unedited images.
        reconstruction: (B, C, H, W) decoded from it.
        judged: What the judge makes of the images.
        judged_rec: Of the reconstructions.
    """

    rows: np.ndarray
    images: Tensor
    labels: Tensor
    code: Code
    reconstruction: Tensor
    judged: Reading
    judged_rec: Reading

    @property
    def before(self) -> Tensor:
        """(B, A) what the decoder is told of the unedited images."""
        assert self.code.labels is not None
        return self.code.labels

    def labelled(self, column: int) -> Tensor:
        """(k,) rows of which the label of the attribute in this column is known."""
        return (self.labels[:, column] != MISSING).nonzero()[:, 0]

    def __getitem__(self, rows: Tensor) -> Seen:
        return Seen(
            self.rows[rows.cpu().numpy()],
            self.images[rows],
            self.labels[rows],
            taken(self.code, rows),
            self.reconstruction[rows],
            self.judged[rows],
            self.judged_rec[rows],
        )


@dataclass(frozen=True)
class Edits:
    """A chunk's edits of one attribute to another value than the true one.

    Attributes:
        asked: (B,) the wanted labels.
        before: (B, C, H, W) decoded with what the images are taken to have; see `Model.supposed`.
        decoded: (B, C, H, W) with what is asked for.
        composite: (B, C, H, W).
        obeyed: (B,) whether the judge stands by it that the decoded edit is as asked.
        judged: What the judge makes of the decoded edits.
        judged_composite: Of the composite edits.
    """

    asked: Tensor
    before: Tensor
    decoded: Tensor
    composite: Tensor
    obeyed: Tensor
    judged: Reading
    judged_composite: Reading


def see(editor: Editor, data: EvaluationData, where: slice, images: Tensor) -> Seen:
    """Encode, reconstruct and judge a chunk.

    Raises:
        RunError: the model decodes something that is no image.
    """
    images = images.to(editor.model.device)
    code = editor.model.encode(images)
    reconstruction = _image(editor.model.decode(code))
    return Seen(
        np.arange(where.start, where.stop),
        images,
        data.labels[where].to(images.device),
        code,
        reconstruction,
        data.judge.look(images),
        data.judge.look(reconstruction),
    )


def reconstruction_scores(seen: Seen, table: Table) -> None:
    """`mse`, `psnr`, `ssim` and `perceptual_judge` of the reconstruction with the predicted attributes."""
    mse = squared_error(seen.reconstruction, seen.images)
    # Differences of large means: on the CPU, because GPUs may round what convolutions read to ten bits.
    pair = seen.reconstruction.cpu(), seen.images.cpu()
    table.put("mse", None, seen.rows, mse)
    table.put("psnr", None, seen.rows, (-10 * mse.log10()).clamp(max=_LARGEST_PSNR))
    table.put("ssim", None, seen.rows, structural_similarity(*pair).flatten(1).mean(1))
    table.put("perceptual_judge", None, seen.rows, perceptual.distance(seen.judged_rec, seen.judged))


def edit_scores(editor: Editor, data: EvaluationData, seen: Seen, attribute: Attribute, table: Table) -> Edits:
    """All that the judge says of one attribute's edits, of images that have a label of it; see docs/metrics.md.

    Returns:
        The edits to another value, for what else they are compared with.
    """
    column = data.schema.index(attribute.name)
    counted = seen.judged.agreed[:, column] != MISSING
    _accuracy(seen, attribute, column, counted, table)
    edits = _edit(editor, data, seen, attribute, column, counted, table)
    composite = data.judge.obeyed(edits.composite, edits.judged_composite, column, edits.asked)
    # What an image shows that is as it was, its label says: not what was asked for.
    composite &= ~unchanged(edits.composite, seen.images)
    _success("", edits.obeyed, edits.judged, edits.asked, seen, attribute, column, counted, table)
    _success("composite_", composite, edits.judged_composite, edits.asked, seen, attribute, column, counted, table)
    others = [i for i in range(len(data.schema)) if i != column]
    if others:
        flips = {
            "off_target": edits.judged.labels[:, others] != seen.judged_rec.labels[:, others],
            "composite_off_target": edits.judged_composite.labels[:, others] != seen.judged.labels[:, others],
        }
        for name, flipped in flips.items():
            table.put(name, attribute.name, seen.rows, flipped.float().mean(1), units=len(others))
    return edits


def without_labels(attribute: Attribute, table: Table) -> None:
    """Note that edits of an attribute could be scored, but that no image has a label of it."""
    names = [class_metric(attribute, value) for value in range(len(attribute.values))]
    for name in ("judge_accuracy", "edit_success", "composite_edit_success"):
        names += [name, *(f"{name}_{judge}" for judge in JUDGES)]
    for name in names:
        table.put(name, attribute.name, np.empty(0, np.int64), np.empty(0), share=True)


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """(B,) mean squared differences of images (B, C, H, W)."""
    return (a - b).square().flatten(1).mean(1)


def unchanged(a: Tensor, b: Tensor) -> Tensor:
    """(B,) whether images (B, C, H, W) in [0, 1] are the same in 8 bits, which is what anybody sees of them."""
    return ~((a - b).abs() >= _VISIBLE).flatten(1).any(1)


def taken(code: Code, rows: Tensor) -> Code:
    """Some rows of a code."""
    own = {name: value[rows] for name, value in code._asdict().items() if isinstance(value, Tensor)}
    return code._replace(skips=tuple(skip[rows] for skip in code.skips), **own)


def directions(attribute: Attribute, truth: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Suffixes of figures, and which of B images each is of, by labels (B,): all, and of a binary one `_off`, `_on`."""
    yield "", torch.ones_like(truth, dtype=torch.bool)
    if attribute.binary:
        yield "_off", truth == 1
        yield "_on", truth == 0


def class_metric(attribute: Attribute, value: int) -> str:
    """Name of the share of edits to a value that the judge reads as asked: the paper's class 0 and 1, or by value."""
    return f"class{value}" if attribute.binary else f"class_{attribute.values[value]}"


def _edit(
    editor: Editor, data: EvaluationData, seen: Seen, attribute: Attribute, column: int, counted: Tensor, table: Table
) -> Edits:
    """Decode every value where any metric needs it; note the paper's scores; keep the edits to another value."""
    count = len(attribute.values)
    truth = seen.labels[:, column]
    asked = (truth + 1) % count
    # The paper scores a binary attribute on images that have it; no value of a categorical one is "having it".
    scored = truth == 1 if attribute.binary else torch.ones_like(truth, dtype=torch.bool)
    before, decoded = seen.reconstruction.clone(), seen.reconstruction.clone()
    change = torch.zeros_like(before[:, :1])
    judged, obeyed = seen.judged_rec.clone(), torch.zeros_like(scored)
    for value in range(count):
        other = asked == value
        needed = scored | other
        edit, read = _decoded(editor, data, seen, attribute.name, value, needed)
        images = edit.after
        hits = torch.zeros_like(scored)
        hits[needed] = data.judge.obeyed(images[needed], read[needed], column, torch.full_like(truth, value)[needed])
        _share(class_metric(attribute, value), hits, scored & counted, seen, attribute, table)
        before[other], decoded[other], change[other] = edit.before[other], images[other], edit.change[other]
        obeyed[other] = hits[other]
        judged.put(other, read[other])
    composite = editor.model.composite(seen.images, before, decoded, change)
    return Edits(asked, before, decoded, composite, obeyed, judged, data.judge.look(composite))


def _decoded(
    editor: Editor, data: EvaluationData, seen: Seen, name: str, value: int, needed: Tensor
) -> tuple[Edit, Reading]:
    """One value asked for, and what the judge reads then; reconstructions where that is not needed."""
    plain, judged = seen.reconstruction, seen.judged_rec.clone()
    edit = Edit(plain.clone(), plain.clone(), torch.zeros_like(plain[:, :1]))
    if needed.any():
        for whole, some in zip(edit, editor.model.edit(taken(seen.code, needed), {name: value}), strict=True):
            whole[needed] = some
        new = (_image(edit.after) != plain).flatten(1).any(1)
        if new.any():
            judged.put(new, data.judge.look(edit.after[new]))
    return edit, judged


def _image(images: Tensor) -> Tensor:
    """Decoded images, if they are any: what is not a number would drop out of every mean unseen."""
    if not images.isfinite().all():
        raise RunError("The model decodes images of which pixels are no numbers.", "Its training diverged: train anew.")
    return images


def _accuracy(seen: Seen, attribute: Attribute, column: int, counted: Tensor, table: Table) -> None:
    """How often the judge is right about images, where its two agree, and how often each of them is."""
    truth, everywhere = seen.labels[:, column], torch.ones_like(counted)
    _share("judge_accuracy", seen.judged.agreed[:, column] == truth, counted, seen, attribute, table)
    for judge, verdicts in zip(JUDGES, seen.judged.verdicts[:, :, column], strict=True):
        _share(f"judge_accuracy_{judge}", verdicts == truth, everywhere, seen, attribute, table)


def _success(
    prefix: str,
    hits: Tensor,
    judged: Reading,
    asked: Tensor,
    seen: Seen,
    attribute: Attribute,
    column: int,
    counted: Tensor,
    table: Table,
) -> None:
    """A share over counted images and, of a binary attribute, over those it is taken off (`_off`) and put on (`_on`).

    Beside it what each judge says by itself, of all images.
    """
    name, truth = f"{prefix}edit_success", seen.labels[:, column]
    for suffix, chosen in directions(attribute, truth):
        _share(name + suffix, hits, counted & chosen, seen, attribute, table)
    for judge, verdicts in zip(JUDGES, judged.verdicts[:, :, column], strict=True):
        _share(f"{name}_{judge}", verdicts == asked, torch.ones_like(counted), seen, attribute, table)


def _share(name: str, hits: Tensor, chosen: Tensor, seen: Seen, attribute: Attribute, table: Table) -> None:
    """Note which of some chosen images are hits."""
    table.put(name, attribute.name, seen.rows[chosen.cpu().numpy()], hits[chosen], share=True)
