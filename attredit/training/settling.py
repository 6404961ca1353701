"""What a model knows of its data once trained: when it is sure, which styles there are, how far to go, what varies.

Nothing is trained here. All are looked up in images: styles and variation in those of training, the others in the
validation split, which no part has seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data import Store
from attredit.data.subset import as_images, spread
from attredit.editing.composite import edit_mask
from attredit.editing.model import STYLES, Model
from attredit.training.view import mapped

# A value is believed where at most this share of the validation images without it are read as surely; and of so many.
_WRONG, _LEAST = 0.02, 20
_VALIDATION = 2000
# Styles are tried on so many images without the attribute, and so many are tried.
_TRIED, _TRIED_ON = 96, 16
_CHUNK = 128
# Differences of log-odds that count, as a share of them; and how steeply they rise where going on is worth it.
_MORE, _RISE = 0.05, 0.2
# How much farther than in training edits may go; and how much more they may change then.
_FARTHER, _LARGER = (1.1, 1.25, 1.5), 1.2


@torch.inference_mode()
def settle(model: Model, train: Store, valid: Store | None, detail: int = 1) -> None:
    """Fill `Model.known`; what edits reach without being asked for a style is looked up last, with the first one.

    Args:
        model: Trained; its buffers are replaced.
        train: The training images.
        valid: Images that it was not trained on; None where there are none, and what is sure stays a constant.
        detail: How many times finer both are than what the model sees.
    """
    training = model.training
    model.eval()
    if valid is not None:
        model.known.sure.copy_(sureness(model, valid, detail))
    model.known.varied.copy_(varied(model, train, detail))
    seen = train if valid is None else valid
    for i, name in enumerate(model.slices):
        styles, reach = _styles(model, train, name, detail, seen)
        model.known.count[i] = count = len(styles)
        if count:
            again = torch.arange(STYLES) % count
            model.known.styles[i], model.known.style_reach[i] = styles[again], reach[again]
    model.known.reach.fill_(1.0)
    for i, attribute in enumerate(model.schema):
        if attribute.binary:
            model.known.reach[i, 1] = _reach(model, seen, i, detail)  # less than nothing is not asked for
            model.known.style_reach[i, 0] = model.known.reach[i, 1]  # what nobody asks for is the first
    model.train(training)


def varied(model: Model, train: Store, detail: int = 1) -> Tensor:
    """(h, w) standard deviation of training images at each place, channels together; see `Model.change`."""
    rows, places = spread(len(train), _VALIDATION), model.known.varied.shape[0]
    images = torch.cat([F.adaptive_avg_pool2d(images, places) for images in _images(train, rows, detail)])
    return images.var(0, unbiased=False).mean(0).sqrt()


def sureness(model: Model, valid: Store, detail: int = 1) -> Tensor:
    """(n, most values) log-odds that few of the images without a value are given; see `Model.supposed`."""
    rows = spread(len(valid), _VALIDATION)
    said = torch.cat([model.probabilities(model.encode(images)).cpu() for images in _images(valid, rows, detail)])
    labels = torch.from_numpy(valid.label_columns(model.schema.names)[rows])
    sure = model.known.sure.cpu().clone()
    for i, (attribute, where) in enumerate(zip(model.schema, model.schema.columns, strict=True)):
        odds = attribute.shares(said[:, where]).logit()
        for value in range(len(attribute.values)):
            without = odds[(labels[:, i] >= 0) & (labels[:, i] != value), value]
            if len(without) >= _LEAST:
                # The next larger one that was seen: between infinite odds there is no mean.
                tail = without.quantile(1 - _WRONG, interpolation="higher")
                sure[i, value] = tail.clamp(min=float(sure[i, value]))
    return sure


def _reach(model: Model, store: Store, i: int, detail: int) -> float:
    """How far edits that put a binary attribute on go; see `_far_enough`."""
    name, images = model.schema.names[i], _having(model, store, i, 0, detail)
    if images is None:
        return 1.0
    code, column, given = model.encode(images), model.schema.columns[i].start, {name: 0}
    usual = model.usual(code, {name: 1}, given=given)

    def edited(far: float) -> tuple[Tensor, Tensor]:
        edit = model.edit(code, {name: 1}, strength=far, given=given, usual=usual)
        odds = _log_odds(model, model.composite(images, edit), column).mean()
        return odds[None], _size(edit.after - edit.before).mean()[None]

    return float(_far_enough(edited, _real(model, store, i, detail)))


def _having(model: Model, store: Store, i: int, value: int, detail: int) -> Tensor | None:
    """Some images (B, C, H, W) that have a value of an attribute; None where none has."""
    rows = np.flatnonzero(store.label_columns([model.schema.names[i]])[:, 0] == value)
    return next(_images(store, rows[spread(len(rows), _CHUNK)], detail), None)


def _real(model: Model, store: Store, i: int, detail: int) -> float:
    """Mean log-odds of a binary attribute, of images that have it; infinite where none has."""
    images = _having(model, store, i, 1, detail)
    return math.inf if images is None else float(_log_odds(model, images, model.schema.columns[i].start).mean())


def _far_enough(edited: Callable[[float], tuple[Tensor, Tensor]], real: float) -> Tensor:
    """(N,) how far to go that edits show: 1, or that of `_FARTHER` from which on going on makes little surer.

    Beyond what training has seen edits grow, and are still drawn by the same decoder. A reader can be fooled by
    gradients, but hardly by one number. But readers are surer of whatever grows, and smiles that go on growing are
    exaggerated; glasses that are as dark as they can be do not grow. So what is read as surely as real images are may
    not change much more than in training.

    Args:
        edited: Of edits that go as far, mean log-odds (N,) of what is asked for, and how much they change (N,).
        real: Mean log-odds of images that have it.
    """
    sure, size = edited(1.0)
    most = _LARGER * size
    best, going, last = torch.ones_like(sure), torch.ones_like(sure, dtype=torch.bool), 1.0
    for far in _FARTHER:
        surer, size = edited(far)
        rises = surer > sure + _RISE * (far - last) * sure.abs()
        going &= rises & ((sure < real) | (size <= most))
        best, sure, last = best.masked_fill(going, far), surer, far
    return best


def _size(changes: Tensor) -> Tensor:
    """(B,) how much images (B, C, H, W) of differences change, as a root mean square."""
    return changes.square().flatten(1).mean(1).sqrt().double()


def _log_odds(model: Model, images: Tensor, column: int) -> Tensor:
    """(B,) how surely the model reads a binary attribute: its logits, for probabilities end where all is certain."""
    return model.told_by(model.encode(images))[:, column].double()


def _styles(model: Model, train: Store, name: str, detail: int, seen: Store) -> tuple[Tensor, Tensor]:
    """(at most K, W) styles of training images that have an attribute, and how far edits go that put each of them on.

    First is the clearest, then come ones unlike those before. Clear is what the model surely reads as the attribute
    when images without it are given that style; what other readers make of them goes with how sure it is.
    """
    attribute = model.schema.attributes[model.schema.index(name)]
    where, labels = model.slices[name], train.label_columns([name])[:, 0]
    having, lacking = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if not attribute.binary or not len(having) or not len(lacking):
        return torch.zeros(0, where.stop - where.start, device=model.device), torch.zeros(0, device=model.device)
    some = having[spread(len(having), _TRIED)]
    styles = torch.cat([model.encode(images).mean[:, where] for images in _images(train, some, detail)])
    [plain] = _images(train, lacking[spread(len(lacking), _TRIED_ON)], detail)
    looks, clear = _put_on(model, plain, name, styles, 1.0)
    place = edit_mask(looks.abs().amax(2, keepdim=True).mean(0)).expand(-1, plain.shape[1], -1, -1)
    kept = styles[unlike(looks.flatten(1), place.flatten(), clear, STYLES)]

    def worn(far: float) -> tuple[Tensor, Tensor]:
        looks, odds = _put_on(model, plain, name, kept, far)
        return odds, _size(looks.flatten(0, 1)).view(len(kept), -1).mean(1)

    return kept, _far_enough(worn, _real(model, seen, model.schema.index(name), detail))


def _put_on(model: Model, images: Tensor, name: str, styles: Tensor, far: float) -> tuple[Tensor, Tensor]:
    """What each of N styles (N, W) changes of images (B, C, H, W) without an attribute, and how surely that is read.

    Returns:
        (N, B, C, H, W) differences of what is decoded, and (N,) mean log-odds of composite edits.
    """
    code = model.supposed(model.encode(images), {name: 1}, {name: 0})
    before, where = model.decode(code), model.slices[name]
    column = model.schema.columns[model.schema.index(name)].start
    looks, clear = [], []
    for tried in torch.split(styles, _CHUNK // len(images)):
        plain, old, base = _repeated((images, before, code), len(tried))
        z = base.z.clone()
        z[:, where] = tried.repeat_interleave(len(images), 0)
        after = model.decode(base, {name: 1}, strength=far, like=base._replace(z=z))
        edit = model.compared(old, after, model.changed(base, {name: 1}))
        odds = _log_odds(model, model.composite(plain, edit), column)
        clear.append(odds.view(len(tried), -1).mean(1))
        looks.append((after - old).view(len(tried), *images.shape))
    return torch.cat(looks), torch.cat(clear)


def _repeated(batch: Any, times: int) -> Any:
    """A nested tuple of batches, all of them several times, one after the other."""
    return mapped(lambda tensor: tensor.repeat(times, *[1] * (tensor.dim() - 1)), batch)


def unlike(looks: Tensor, place: Tensor, clear: Tensor, count: int) -> Tensor:
    """At most (count,) of N things: the clearest, then of the better ones whatever is least like those before.

    Better are those of the clearer half that change less outside of their place than half of these. Of several that are
    as clear, the first is the one that is most like all others: what is farthest out is more clear than true.

    Args:
        looks: (N, D) what each changes; distances tell how unlike two are.
        place: (D,) in [0, 1], where they should.
        clear: (N,) log-odds.
        count: How many.
    """
    order = clear.argsort(descending=True)
    as_clear = order[clear[order] >= clear.amax() - _MORE * clear.amax().abs()]
    first = as_clear[torch.cdist(looks, looks).mean(1)[as_clear].argmin()]
    order = order[: max(1, len(clear) // 2)]
    astray = (looks[order] * (1.0 - place)).abs().sum(1)
    order = order[astray <= astray.median()]
    order = torch.cat([first[None], order[order != first]])
    within = looks[order] * place
    apart, chosen = torch.cdist(within, within), [0]
    while len(chosen) < min(count, len(order)):
        chosen.append(int(apart[:, chosen].amin(1).argmax()))
    return order[chosen]


def _images(store: Store, rows: np.ndarray, detail: int) -> Iterator[Tensor]:
    """Rows of a store as the model sees them, in chunks."""
    for start in range(0, len(rows), _CHUNK):
        images = as_images(store, rows[start : start + _CHUNK])
        yield F.avg_pool2d(images, detail) if detail > 1 else images
