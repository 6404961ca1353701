"""How a sharpener learns: on pictures that are finer than the model's, from edits of which the truth is known.

In an edit's place lies what the model makes of the picture itself, or of its edit as it is undone; what was there
before is the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.data import Order, Store, groups_of
from attredit.data.subset import as_images, spread
from attredit.devices import seeded
from attredit.editing.composite import blurred
from attredit.editing.model import Edit, Model
from attredit.editing.redrawing import missed, within
from attredit.editing.sharpening import Sharpener
from attredit.errors import DataError
from attredit.progress import Progress, silent
from attredit.training.view import mapped

STEPS, BATCH = 1500, 16
"""Of a training that is long enough, and images a step."""

_RATE, _LAST_RATE, _CLIP = 2e-3, 1e-5, 5.0
# What it is asked for beside pixels (see `missed`), and what all of it weighs in pixels twice as large.
_NEIGHBOURS, _DETAIL, _COARSER = 1.0, 2.0, 0.5
# Of so much of the model's square it is shown at a time, around the edit, and this much of that beside it.
_WINDOW, _ASIDE = 5 / 8, 0.1
# Share of edits that are undone, and of validation images what is looked at.
_UNDONE, _MEASURED = 0.5, 128


@dataclass(frozen=True)
class Sharpened:
    """What a sharpener was taught on, and how well it does on other pictures.

    Attributes:
        data: What the pictures are called.
        dataset: Full name of the data set that they are.
        images: How many there are to learn from.
        detail: How many times finer than the model's they are.
        steps: Of training.
        measured: Pictures of the validation split that the figures are of, edits of which the truth is known; 0: none.
        error: Mean difference from the truth, in the edit.
        error_enlarged: The same of edits that are only enlarged.
        sharpness: Share of the truth's detail.
        sharpness_enlarged: The same of edits that are only enlarged.
    """

    data: str
    dataset: str
    images: int
    detail: int
    steps: int
    measured: int = 0
    error: float = 0.0
    error_enlarged: float = 0.0
    sharpness: float = 0.0
    sharpness_enlarged: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


class Lesson(NamedTuple):
    """What is shown (B, C, H, W), where it is drawn again (B, 1, H, W), what the result has (B, A), and the truth."""

    shown: Tensor
    mask: Tensor
    attrs: Tensor
    truth: Tensor


def fit_sharpener(
    model: Model,
    store: Store,
    detail: int,
    *,
    seed: int,
    steps: int = STEPS,
    mirrored: bool = False,
    progress: Progress = silent,
) -> Sharpener:
    """A sharpener for the edits of a model, which stays as it is.

    Args:
        model: Trained.
        store: Pictures `detail` times as fine as the model's, as it sees pictures.
        detail: How many times.
        seed: Same pictures and seed, same sharpener.
        steps: Of training.
        mirrored: Whether half of the pictures are to be mirrored.
        progress: Told of steps.

    Raises:
        DataError: of no attribute there are pictures with two values.
    """
    orders = {
        i: Order(groups, BATCH, seed)
        for i, name in enumerate(model.schema.names)
        if len(groups := groups_of(store.label_columns([name]))) > 1
    }
    if not orders:
        names = " and ".join(model.schema.names)
        raise DataError(f"There are no pictures with different values of {names} to learn from.", "Add some.")
    with seeded(seed):
        sharpener = Sharpener(store.geometry.channels, model.schema.width, detail).to(model.device)
    optimizer = torch.optim.Adam(sharpener.parameters(), _RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, _LAST_RATE)
    for step in range(steps):
        dice = np.random.default_rng((seed, step))
        i = list(orders)[step % len(orders)]
        rows = orders[i].indices(step // len(orders))
        images = as_images(store, rows).to(model.device)
        if mirrored:
            images = torch.where(_coins(dice, images), images.flip(3), images)
        labels = store.label_columns([model.schema.names[i]])[rows, 0]
        undone = bool(dice.random() < _UNDONE)
        parts = [*_lessons(model, sharpener, images, labels, i, dice, undone)]
        lesson = windows(Lesson(*map(torch.cat, zip(*parts, strict=True))), detail, dice)
        made = sharpener.redrawn(lesson.shown, lesson.mask, lesson.attrs)
        optimizer.zero_grad()
        _loss(made, lesson).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(sharpener.parameters(), _CLIP)
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)
    return sharpener.eval().requires_grad_(False)


def tried(model: Model, sharpener: Sharpener, store: Store, known: Sharpened) -> Sharpened:
    """With figures of pictures that it has not learnt from; as it is where there are none that the model edits."""
    rows, found = spread(len(store), _MEASURED), [torch.empty(0, 5)]
    for i, name in enumerate(model.schema.names):
        labels = store.label_columns([name])[rows, 0]
        for part in np.array_split(np.flatnonzero(labels >= 0), max(1, len(rows) // BATCH)):
            images = as_images(store, rows[part]).to(model.device)
            for lesson in _lessons(model, sharpener, images, labels[part], i, np.random.default_rng(0), undone=False):
                made = sharpener.redrawn(lesson.shown, lesson.mask, lesson.attrs)
                found.append(_figures(lesson, made))
    figures = torch.cat(found)
    if not len(figures):
        return known
    error, enlarged, true, own, soft = figures.mean(0).tolist()
    few = {"error": error, "error_enlarged": enlarged, "sharpness": own / true, "sharpness_enlarged": soft / true}
    return Sharpened(**{**known.to_json(), "measured": len(figures), **few})


def _lessons(
    model: Model,
    sharpener: Sharpener,
    images: Tensor,
    labels: np.ndarray,
    i: int,
    dice: np.random.Generator,
    undone: bool,
) -> Iterator[Lesson]:
    """Lessons on pictures (B, C, H, W) with labels (B,) of attribute `i`, those with one value after the other."""
    attribute = model.schema.attributes[i]
    for value in np.unique(labels).tolist():
        others = [other for other in range(len(attribute.values)) if other != value]
        own, wanted = ({attribute.name: attribute.values[v]} for v in (value, int(dice.choice(others))))
        count = int(model.known.count[i]) if attribute.name in model.wearable else 0
        style = int(dice.integers(count)) + 1 if count else None
        with torch.inference_mode():
            lesson = lesson_of(model, sharpener, images[torch.from_numpy(labels == value)], own, wanted, style, undone)
        yield mapped(torch.clone, lesson)


def lesson_of(
    model: Model,
    sharpener: Sharpener,
    images: Tensor,
    own: dict[str, str],
    wanted: dict[str, str],
    style: int | None,
    undone: bool,
) -> Lesson:
    """One on pictures (B, C, H, W) that have one value of an attribute, where another one is asked for."""
    small = F.avg_pool2d(images, sharpener.detail)
    code = model.supposed(model.encode(small), {}, own)
    assert code.labels is not None
    edit = model.edit(code, wanted, given=own, style=style)
    truth = Edit(edit.before, edit.before, edit.change, code.labels)
    if not undone:
        difference = model.composite(small, truth) - small
        return Lesson(*sharpener.shown(images, difference, edit.change)[:2], code.labels, images)
    edited = model.composite(small, edit)
    done = sharpener.shown(images, edited - small, edit.change)[0]
    again = model.supposed(model.encode(edited), {}, wanted)
    assert again.z is not None
    assert code.z is not None
    z = torch.cat([again.z[:, : model.latent_dim], code.z[:, model.latent_dim :]], 1) if model.slices else again.z
    back = truth._replace(before=model.decode(again), after=model.draw(z, code.labels, again))
    difference = model.composite(edited, back) - edited
    return Lesson(*sharpener.shown(done, difference, edit.change)[:2], code.labels, images)


def windows(lesson: Lesson, detail: int, dice: np.random.Generator) -> Lesson:
    """Of each picture a square around its edit: the network sees everywhere alike, and nothing is drawn elsewhere."""
    size, side = lesson.mask.shape[3], min(lesson.mask.shape[3], _rounded(_WINDOW * lesson.mask.shape[3], 4 * detail))
    middles = torch.arange(size, device=lesson.mask.device) + 0.5
    starts = []
    for dims in ((1, 3), (1, 2)):
        along = lesson.mask.sum(dims)
        centre = (along * middles).sum(1) / along.sum(1).clamp(min=1e-3)
        moved = centre.cpu().numpy() + dice.uniform(-_ASIDE, _ASIDE, len(centre)) * size - side / 2
        starts.append((np.clip(moved, 0, size - side) // detail * detail).astype(int))
    corners = list(zip(*starts, strict=True))

    def cut(images: Tensor) -> Tensor:
        return torch.stack([one[:, y : y + side, x : x + side] for one, (y, x) in zip(images, corners, strict=True)])

    return Lesson(cut(lesson.shown), cut(lesson.mask), lesson.attrs, cut(lesson.truth))


def _rounded(length: float, unit: int) -> int:
    return int(-(-length // unit)) * unit


def _loss(made: Tensor, lesson: Lesson) -> Tensor:
    fine = missed(made, lesson.truth, _NEIGHBOURS, _DETAIL)
    coarse = missed(F.avg_pool2d(made, 2), F.avg_pool2d(lesson.truth, 2), _NEIGHBOURS, _DETAIL)
    return within(fine + _COARSER * F.interpolate(coarse, scale_factor=2.0), lesson.mask)


def _figures(lesson: Lesson, made: Tensor) -> Tensor:
    """(N, 5) of each picture that is edited: errors of what is made and is shown; detail of truth and of both."""
    where = (lesson.mask > 0.5).float()
    area = where.flatten(1).sum(1)

    def mean(images: Tensor) -> Tensor:
        return (images.abs().mean(1, keepdim=True) * where).flatten(1).sum(1)[area > 0] / area[area > 0]

    def finest(images: Tensor) -> Tensor:
        return mean(images - blurred(images, 1.0))

    errors = mean(made - lesson.truth), mean(lesson.shown - lesson.truth)
    return torch.stack([*errors, finest(lesson.truth), finest(made), finest(lesson.shown)], 1).cpu()


def _coins(dice: np.random.Generator, images: Tensor) -> Tensor:
    """(B, 1, 1, 1) bool."""
    return torch.from_numpy(dice.random(len(images)) < 0.5).to(images.device)[:, None, None, None]
