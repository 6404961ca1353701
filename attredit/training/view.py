"""One training step's tensors, computed when asked for and never twice.

Terms ask a `BatchView` for images, codes and verdicts *of* something:

| of | what |
| --- | --- |
| `real` | the batch |
| `damaged` | that, a little moved, blurred, noisier, lit otherwise, compressed and partly hidden: as photographs are |
| `reconstruction` | decoded from the batch's latent, with true or predicted labels as the recipe says |
| `prior` | decoded from N(0, I) with the batch's labels |
| `edited` | decoded from the batch's latent with other labels |
| `blended` | the edit, within `mask`, in the batch's own images: a composite edit without the fit of colours |
| `composite` | the edit, brought into the batch's own images by the model's compositor: what users get |
| `undone` | `composite`, encoded as any image, decoded with the batch's labels and styles: its truth is `real` |
| `recomposed` | `reconstruction`, brought into the batch's own images where the edit would be: its truth is `real` |
| `restored` | `undone`, brought into `composite` by the model's compositor: its truth is `real` |

`code` and `verdict` are also given of any tensor of images, and `ask` shows anything to any part.

A label may be missing. Its columns of `targets` are then NaN, which `loss` leaves out; networks are never told NaN, but
what the recipe's predictor says (`told`).

Every answer is remembered together with the parts that took part in it, so that a player's further updates of the same
step recompute only what depends on its own parameters (`renewed`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from attredit.attributes import MISSING
from attredit.data.degrading import DamageLimits, Draws, spoilt
from attredit.editing.composite import change_of, edit_mask
from attredit.editing.model import Edit, Model, sampled
from attredit.errors import UsageError, nearest
from attredit.networks import Code, Verdict
from attredit.plugin.calling import naming
from attredit.rows import Slice, gathered, noise_of

T = TypeVar("T")
Of = Literal[
    "real", "damaged", "reconstruction", "prior", "edited", "blended", "composite", "undone", "recomposed", "restored"
]
DECODED: tuple[Of, ...] = ("reconstruction", "prior", "edited", "undone")


class BatchView:
    """The lazy tensors of one step.

    Args:
        model: The networks, and what they edit; attributes are in the order of `labels`.
        images: (B, C, H, W) float in [0, 1]: this process's share of the batch.
        labels: (B, n) integers; `MISSING` where there is none.
        rows: Where this share lies in the global batch.
        seed: The run's seed.
        step: Number of the step.
        full: (B, C, n H, n W) the same images, finer; `images` themselves when None.
        missing: Whether any label of the data is missing, the same on all processes; looked up in `labels` when None.
        autocast: The arithmetic of encoders, decoders and discriminators; everything else computes with the numbers it
            is given.
    """

    def __init__(
        self,
        model: Model,
        images: Tensor,
        labels: Tensor,
        *,
        rows: Slice,
        seed: int,
        step: int,
        full: Tensor | None = None,
        missing: bool | None = None,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.model, self.schema, self.rows, self.seed, self.step = model, model.schema, rows, seed, step
        self.real, self.labels, self.full = images, labels, images if full is None else full
        self._redrawn = 0
        self.missing = bool((labels == MISSING).any()) if missing is None else missing
        self._autocast = autocast
        self._memo: dict[tuple[Any, ...], _Answer] = {}
        self._asking: list[set[str]] = []

    # --- what terms ask ------------------------------------------------------------------------------------------

    @property
    def targets(self) -> Tensor:
        """(B, A) the true labels as a conditioning vector; NaN where one is missing."""
        return self.once("targets", lambda: self.schema.encode(self.labels))

    @property
    def edited_labels(self) -> Tensor:
        """(B, n) other labels: one attribute, drawn at random, takes another value, and so do half of the others.

        A missing label stays missing, so that attribute of that image is not edited.
        """
        return self.once("edited_labels", self._draw_edit)

    @property
    def edited_targets(self) -> Tensor:
        """(B, A) `edited_labels` as a conditioning vector; NaN where one is missing."""
        return self.once("edited_targets", lambda: self.schema.encode(self.edited_labels))

    @property
    def decoding_attrs(self) -> Tensor:
        """(B, A) what the decoder is told of the batch: true or predicted labels (Algorithm 1).

        Of true labels those that are missing are predicted, too; see `told`.
        """
        return (
            self.told(self.targets)
            if self.model.decode_with == "true"
            else self.schema.probabilities(self.attrs("real"))
        )

    def told(self, targets: Tensor) -> Tensor:
        """(B, A) targets as networks are told them: in place of NaN, the predictor's probabilities of the real images.

        They are detached: where the labels are true ones, the predictor learns from labels alone, and does not become
        what pleases the decoder.

        Raises:
            UsageError: labels are missing, and the predictor has no label head.
        """
        return torch.where(targets.isnan(), self._predicted, targets) if self.missing else targets

    def loss(self, logits: Tensor, target: Tensor, *, some: bool = False) -> Tensor:
        """`AttributeSchema.loss`, its means over what is known of the global batch, whatever the number of processes.

        Every process divides by what all of them know: then the mean of their gradients, which is what the trainer
        takes, is the gradient of the global batch.

        Args:
            logits: (B, A).
            target: (B, A), such as `targets`; NaN where it is unknown.
            some: Whether targets may be NaN that no label lacks.
        """
        share = self.schema.known(self.gather(target.detach())).mean(0) if self.missing or some else None
        return self.schema.loss(logits, target, share)

    def code(self, of: Of | Tensor = "real") -> Code:
        """The encoder's code of some images; it is told their labels, unless it is what predicts them.

        Raises:
            UsageError: there are no such images.
        """
        code: Code = self.once("code", lambda: self._encode(of), _known(of))
        return code

    def attrs(self, of: Of) -> Tensor:
        """(B, A) logits: what the recipe's predictor says of some images.

        Raises:
            UsageError: it has no label head.
        """
        predictor = self.model.predictor
        return self.model.told_by(self.code(of) if predictor == "encoder" else self.verdict(predictor, of))

    def z(self, of: Of = "real", draw: int = 0) -> Tensor:
        """(B, Z) a sample of the latent, mu + sigma * eps, or N(0, I) for "prior"; `draw` counts samples.

        Of a latent with styles the content alone, which is to know nothing of the attributes.
        """
        whole = self.latent(of, draw)
        return whole[:, : self.model.latent_dim] if self.model.slices else whole

    def latent(self, of: Of = "real", draw: int = 0) -> Tensor:
        """(B, Z + n W) what decoders read: `z`, and the attributes' styles.

        Raises:
            UsageError: there are no such images, or no prior to draw from.
        """
        return self.once("z", lambda: self._sample(of, draw), _known(of), draw)

    def logits(self, of: Of) -> Tensor:
        """(B, C, H, W) what the decoder says before the sigmoid.

        Raises:
            UsageError: for images that it does not draw.
        """
        if _known(of) not in DECODED:
            raise UsageError(f"A term asks for logits of the {of} images, which are not decoded.", "Ask for images.")
        return self.once("logits", lambda: self._decode(of), of)

    def images(self, of: Of | Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1]; a tensor is what it is.

        Raises:
            UsageError: there are no such images.
        """
        if isinstance(of, Tensor):
            return of
        return self.real if of == "real" else self.once("images", lambda: self._draw(of), _known(of))

    @property
    def mask(self) -> Tensor:
        """(B, 1, H, W) in [0, 1]: where the edit differs from the reconstruction, as composite edits see it; constant.

        Without a gradient: an edit must not shrink in order to be seen less.
        """
        return self.once("mask", self._mask)

    def known_edit(self, of: Literal["recomposed", "restored"]) -> tuple[Tensor, Edit]:
        """Images (B, C, H, W), and an edit of them of which the batch is the truth: what a compositor learns from.

        Constant: networks other than the compositor are not to please it.
        """
        return self.once("known_edit", lambda: self._known_edit(of), of)

    def verdict(self, part: str, of: Of | Tensor) -> Verdict:
        """What a discriminator or classifier says of some images.

        Raises:
            UsageError: there is no such part, or there are no such images.
        """
        verdict: Verdict = self.once("verdict", lambda: self.ask(part, self.images(of)), part, _known(of))
        return verdict

    def ask(self, part: str | nn.Module, *given: Any) -> Any:
        """What a network says of whatever it is given. It may compute in bfloat16; losses never do."""
        name = part if isinstance(part, str) else self._name_of(part)
        with self._autocast(), naming(self.model.called(name)):
            return mapped(lambda t: t.float(), self.part(name)(*given))

    def noise(self, name: str, shape: Sequence[int]) -> Tensor:
        """Standard normal noise for this process's rows: drawn for the global batch, so its number does not matter.

        Args:
            name: Distinguishes several draws of one step.
            shape: Of one sample, without the batch.
        """
        name = f"{name}/{self._redrawn}" if self._redrawn else name
        return noise_of(self.rows, self.seed, self.step, name, tuple(shape)).to(self.real.device)

    def part(self, part: str | nn.Module) -> nn.Module:
        """A network of the recipe, by name or itself; what `once` computes with it is tied to it.

        Raises:
            UsageError: the recipe has no such part.
        """
        name = part if isinstance(part, str) else self._name_of(part)
        if name not in self.model.parts:
            known = list(self.model.parts)
            raise UsageError(f"A term asks for the part {name!r}, which the recipe lacks.", nearest(name, known))
        if self._asking:
            self._asking[-1].add(name)
        return self.model.parts[name]

    def _name_of(self, part: nn.Module) -> str:
        """What the recipe calls a part: one that asks for itself need not know."""
        for name, other in self.model.parts.items():
            if other is part:
                return name
        raise UsageError(f"A term asks for a {type(part).__name__} that is no part of the recipe.")

    def once(self, key: str, make: Callable[[], T], *more: Any) -> T:
        """`make()`, computed at the first call with this key in a step."""
        answer = self._memo.get((key, *more))
        if answer is None:
            self._asking.append(set())
            try:
                # Also if a term that wants no gradient asks first: others that do get the same answer.
                with torch.enable_grad():
                    value = make()
            finally:
                used = self._asking.pop()
            answer = self._memo[key, *more] = _Answer(value, frozenset(used))
        if self._asking:
            self._asking[-1].update(answer.used)
        return answer.value  # type: ignore[no-any-return]

    def gather(self, tensor: Tensor) -> Tensor:
        """Rows of all processes, in order, with gradients to all: for statistics over the global batch."""
        return gathered(tensor, self.rows)

    # --- what the trainer asks ------------------------------------------------------------------------------------

    def renewed(self, trains: tuple[str, ...], *, fresh: int = 0) -> BatchView:
        """The same step after these parts changed: their answers are forgotten, all others detached.

        Args:
            trains: Names of the parts.
            fresh: If not 0, noise is drawn anew and nothing is kept; numbers draws within a step.
        """
        view = BatchView.__new__(BatchView)
        view.__dict__.update(self.__dict__)
        view._asking, view._redrawn = [], fresh
        kept = {} if fresh else self._memo
        view._memo = {k: a.detached() for k, a in kept.items() if not a.used & set(trains)}
        return view

    # --- how it is computed -----------------------------------------------------------------------------------------

    @property
    def _predicted(self) -> Tensor:
        """(B, A) what the predictor says of the batch, without a gradient."""
        return self.once("predicted", lambda: self.schema.probabilities(self.attrs("real")).detach())

    def _draw_edit(self) -> Tensor:
        n = len(self.schema)
        uniform = torch.special.ndtr(self.noise("edit/value", (n,))).clamp(max=1 - 1e-6)
        change = self.noise("edit/which", (n,)) > 0
        # Where nothing changed, there would be nothing to learn from.
        change.scatter_(1, self.noise("edit/one", (n,)).argmax(1, keepdim=True), True)
        return torch.where(change, self.schema.other(self.labels, uniform), self.labels)

    def _draw(self, of: Of) -> Tensor:
        if of == "damaged":
            return self._damaged()
        if of == "composite":
            before, after = self.images("reconstruction"), self.images("edited")
            return self.model.composite(
                self.real, Edit(before, after, change_of(before, after), self.told(self.edited_targets)), self.ask
            )
        if of in ("recomposed", "restored"):
            return self.model.composite(*self.known_edit(of), self.ask)
        if of == "blended":
            return self.real + self.mask * (self.images("edited") - self.real)
        return self.logits(of).sigmoid()

    def _damaged(self) -> Tensor:
        channels = self.real.shape[1]
        uniform = torch.special.ndtr(self.noise("damage", (13 + channels,))).T
        amounts, hole = uniform.split([8, 5 + channels])
        pattern = self.noise("damage/pattern", self.real.shape[1:])
        return spoilt(self.real, DamageLimits(), Draws(amounts, hole, pattern), self.real)

    def _mask(self) -> Tensor:
        return edit_mask(change_of(self.images("reconstruction"), self.images("edited"))).detach()

    def _encode(self, of: Of | Tensor) -> Code:
        labels = None
        if self.model.predictor != "encoder":
            edited = isinstance(of, str) and of in ("edited", "blended", "composite")
            labels = self.told(self.edited_targets if edited else self.targets)
        return self.model.code(self.images(of), labels, self.ask)

    def _sample(self, of: Of, draw: int) -> Tensor:
        if of == "prior":
            if self.model.prior is None:
                raise UsageError("A term asks for samples, but this latent has no prior.", "Leave that term out.")
            return self.noise(f"z/prior/{draw}", self.model.latent_shape)
        code = self.code(of)
        return sampled(code, None if code.logvar is None else self.noise(f"z/{of}/{draw}", code.mean.shape[1:]))

    def _decode(self, of: Of) -> Tensor:
        if of == "reconstruction":
            attrs = self.decoding_attrs
        else:
            attrs = self.told(self.edited_targets if of == "edited" else self.targets)
        code, z = None, self.latent("prior" if of == "prior" else "real")
        if of == "undone":
            code, z = self.once("undone", self._undone)
        elif of != "prior":
            code = self.code("real")._replace(labels=self.decoding_attrs)
        if of == "edited":
            z = self._restyled()
        logits: Tensor = self.ask("decoder", z, attrs, code)
        return logits

    def _undone(self) -> tuple[Code, Tensor]:
        """What the encoder says of edits, and the latent that undoes them: a sample of theirs, with the batch's styles.

        Edits are images here, without a gradient: nothing is gained by hiding in them what was there before.
        """
        images, has = self.images("composite").detach(), self.told(self.edited_targets)
        code = self.model.code(images, None if self.model.predictor == "encoder" else has, self.ask)
        z = sampled(code, None if code.logvar is None else self.noise("z/undone", code.mean.shape[1:]))
        if self.model.slices:
            z = torch.cat([z[:, : self.model.latent_dim], self.latent("real")[:, self.model.latent_dim :]], 1)
        return code._replace(labels=has), z

    def _known_edit(self, of: Literal["recomposed", "restored"]) -> tuple[Tensor, Edit]:
        if of == "recomposed":
            images, before, after = self.real, self.images("reconstruction"), self.images("reconstruction")
            where = self.images("edited")
        else:
            images, after = self.images("composite"), self.images("undone")
            code, _ = self.once("undone", self._undone)
            assert code.labels is not None
            before = where = self.model.draw(code.mean, code.labels, code, self.ask)
        edit = Edit(before, after, change_of(after, where), self.told(self.targets))
        known: tuple[Tensor, Edit] = mapped(lambda tensor: tensor.detach(), (images, edit))
        return known

    def _restyled(self) -> Tensor:
        """(B, Z + n W) the batch's latent; styles of changed attributes as the recipe says."""
        z, model = self.latent("real"), self.model
        if model.styles == "own" or not model.slices:
            return z
        if model.styles == "prior":
            other = self.latent("prior")
        else:  # the image before in the global batch, whatever the number of processes
            other = self.gather(z).roll(1, 0)[self.rows.start : self.rows.stop]
        changed = self.edited_labels != self.labels
        z = z.clone()
        for i, where in enumerate(model.slices.values()):
            z[:, where] = torch.where(changed[:, i : i + 1], other[:, where], z[:, where])
        return z


def _known(of: Of | Tensor) -> Of | Tensor:
    """Images that there are, by name or themselves.

    Raises:
        UsageError: there are none of that name.
    """
    if isinstance(of, str) and of not in get_args(Of):
        raise UsageError(f"A term asks for {of!r} images, of which there are none.", nearest(of, get_args(Of)))
    return of


@dataclass(frozen=True)
class _Answer:
    """A remembered value and the parts it came from."""

    value: Any
    used: frozenset[str]

    def detached(self) -> _Answer:
        return replace(self, value=mapped(lambda t: t.detach(), self.value))


def mapped(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to every tensor of a nested tuple."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        items = [mapped(function, v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
