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
        attrs: (B, A) what the edited images shall have, as the decoder is told it.
        obeyed: (B,) whether the judge stands by it that the decoded edit is as asked.
        judged: What the judge makes of the decoded edits.
        judged_composite: Of the composite edits.
    """

    asked: Tensor
    before: Tensor
    decoded: Tensor
    composite: Tensor
    attrs: Tensor
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
    shares = _Shares(seen, attribute, data.schema.index(attribute.name), table)
    column = shares.column
    shares.note("judge_accuracy", seen.judged.agreed[:, column] == shares.truth, shares.counted)
    shares.note_judges("judge_accuracy", seen.judged, shares.truth)
    edits = _edit(editor, data, shares)
    composite = data.judge.obeyed(edits.composite, edits.judged_composite, column, edits.asked)
    # What an image shows that is as it was, its label says: not what was asked for.
    composite &= ~unchanged(edits.composite, seen.images)
    success = {
        "edit_success": (edits.obeyed, edits.judged),
        "composite_edit_success": (composite, edits.judged_composite),
    }
    for name, (hits, judged) in success.items():
        for suffix, chosen in rows_by_direction(attribute, shares.truth):
            shares.note(name + suffix, hits, shares.counted & chosen)
        shares.note_judges(name, judged, edits.asked)
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


def rows_by_direction(attribute: Attribute, truth: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Suffixes of figures, and which of B images each is of, by labels (B,): all, and of a binary one `_off`, `_on`."""
    yield "", torch.ones_like(truth, dtype=torch.bool)
    if attribute.binary:
        yield "_off", truth == 1
        yield "_on", truth == 0


def class_metric(attribute: Attribute, value: int) -> str:
    """Name of the share of edits to a value that the judge reads as asked: the paper's class 0 and 1, or by value."""
    return f"class{value}" if attribute.binary else f"class_{attribute.values[value]}"


class _Shares:
    """Notes which images of a chunk are hits, of one attribute.

    Args:
        seen: The chunk.
        attribute: Which.
        column: Of it in the labels.
        table: Where.

    Attributes:
        truth: (B,) labels.
        counted: (B,) whether both judges read the image alike.
    """

    def __init__(self, seen: Seen, attribute: Attribute, column: int, table: Table) -> None:
        self.seen, self.attribute, self.column, self._table = seen, attribute, column, table
        self.truth, self.counted = seen.labels[:, column], seen.judged.agreed[:, column] != MISSING

    def note(self, name: str, hits: Tensor, chosen: Tensor) -> None:
        """Which of some chosen images (B,) are hits (B,)."""
        self._table.put(name, self.attribute.name, self.seen.rows[chosen.cpu().numpy()], hits[chosen], share=True)

    def note_judges(self, name: str, reading: Reading, expected: Tensor) -> None:
        """Which of all images each judge by itself reads as expected (B,)."""
        for judge, verdicts in zip(JUDGES, reading.verdicts[:, :, self.column], strict=True):
            self.note(f"{name}_{judge}", verdicts == expected, torch.ones_like(self.counted))


def _edit(editor: Editor, data: EvaluationData, shares: _Shares) -> Edits:
    """Decode every value where any metric needs it; note the paper's scores; keep the edits to another value."""
    seen, attribute, column, truth = shares.seen, shares.attribute, shares.column, shares.truth
    count = len(attribute.values)
    asked = (truth + 1) % count
    # The paper scores a binary attribute on images that have it; no value of a categorical one is "having it".
    scored = truth == 1 if attribute.binary else torch.ones_like(truth, dtype=torch.bool)
    edits = _unedited(seen)
    judged, obeyed = seen.judged_rec.clone(), torch.zeros_like(scored)
    for value in range(count):
        other = asked == value
        needed = scored | other
        edit, read = _decoded(editor, data, seen, attribute.name, value, needed)
        images = edit.after
        hits = torch.zeros_like(scored)
        hits[needed] = data.judge.obeyed(images[needed], read[needed], column, torch.full_like(truth, value)[needed])
        shares.note(class_metric(attribute, value), hits, scored & shares.counted)
        for whole, part in zip(edits, edit, strict=True):
            whole[other] = part[other]
        obeyed[other] = hits[other]
        judged.put(other, read[other])
    composite = editor.model.composite(seen.images, edits)
    return Edits(asked, edits.before, edits.after, composite, edits.attrs, obeyed, judged, data.judge.look(composite))


def _decoded(
    editor: Editor, data: EvaluationData, seen: Seen, name: str, value: int, needed: Tensor
) -> tuple[Edit, Reading]:
    """One value asked for, and what the judge reads then; reconstructions where that is not needed."""
    judged, edit = seen.judged_rec.clone(), _unedited(seen)
    if needed.any():
        for whole, some in zip(edit, editor.model.edit(taken(seen.code, needed), {name: value}), strict=True):
            whole[needed] = some
        new = (_image(edit.after) != seen.reconstruction).flatten(1).any(1)
        if new.any():
            judged.put(new, data.judge.look(edit.after[new]))
    return edit, judged


def _unedited(seen: Seen) -> Edit:
    """Reconstructions, as an edit that changes nothing."""
    plain = seen.reconstruction
    return Edit(plain.clone(), plain.clone(), torch.zeros_like(plain[:, :1]), seen.before.clone())


def _image(images: Tensor) -> Tensor:
    """Decoded images, if they are any: what is not a number would drop out of every mean unseen."""
    if not images.isfinite().all():
        raise RunError("The model decodes images of which pixels are no numbers.", "Its training diverged: train anew.")
    return images
