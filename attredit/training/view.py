"""One training step's tensors, computed when asked for and never twice.

Terms ask a `BatchView` for images, codes and verdicts *of* something:

| of | what |
| --- | --- |
| `real` | the batch |
| `reconstruction` | decoded from the batch's latent, with true or predicted labels as the recipe says |
| `prior` | decoded from N(0, I) with the batch's labels |
| `edited` | decoded from the batch's latent with other labels |
| `blended` | the edit, within `mask`, in the batch's own images: a composite edit without the fit of colours |
| `cycle` | the edit, encoded and decoded back with the batch's labels |

A label may be missing. Its columns of `targets` are then NaN, which `loss` leaves out; networks are never told NaN, but
what the recipe's predictor says (`told`).

Every answer is remembered together with the parts that took part in it, so that a player's further updates of the same
step recompute only what depends on its own parameters (`renewed`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from attredit.attributes import MISSING
from attredit.editing.composite import edit_mask
from attredit.editing.model import Model, sampled
from attredit.errors import UsageError, nearest
from attredit.networks import Code, Verdict, latent_shape
from attredit.rows import Slice, gathered, noise_of

T = TypeVar("T")
Of = Literal["real", "reconstruction", "prior", "edited", "blended", "cycle"]


class BatchView:
    """The lazy tensors of one step.

    Args:
        model: The networks, and what they edit; attributes are in the order of `labels`.
        images: (B, C, H, W) float in [0, 1]: this process's share of the batch.
        labels: (B, n) integers; `MISSING` where there is none.
        rows: Where this share lies in the global batch.
        seed: The run's seed.
        step: Number of the step.
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
        missing: bool | None = None,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.model, self.schema, self.rows, self.seed, self.step = model, model.schema, rows, seed, step
        self.real, self.labels = images, labels
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

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """`AttributeSchema.loss`, its means over what is known of the global batch, whatever the number of processes.

        Every process divides by what all of them know: then the mean of their gradients, which is what the trainer
        takes, is the gradient of the global batch.

        Args:
            logits: (B, A).
            target: (B, A), such as `targets`; NaN where it is unknown.
        """
        share = self.schema.known(self.gather(target.detach())).mean(0) if self.missing else None
        return self.schema.loss(logits, target, share)

    def code(self, of: Of = "real") -> Code:
        """The encoder's code of some images; it is told their labels, unless it is what predicts them."""
        code: Code = self.once("code", lambda: self._encode(of), of)
        return code

    def attrs(self, of: Of) -> Tensor:
        """(B, A) logits: what the recipe's predictor says of some images.

        Raises:
            UsageError: it has no label head.
        """
        predictor = self.model.predictor
        return self.model.told_by(self.code(of) if predictor == "encoder" else self.verdict(predictor, of))

    def z(self, of: Of = "real", draw: int = 0) -> Tensor:
        """(B, Z) a sample of the latent, mu + sigma * eps, or N(0, I) for "prior"; `draw` counts samples."""
        return self.once("z", lambda: self._sample(of, draw), of, draw)

    def logits(self, of: Of) -> Tensor:
        """(B, C, H, W) what the decoder says before the sigmoid.

        Raises:
            UsageError: for images that it does not draw.
        """
        if of in ("real", "blended"):
            raise UsageError(f"A term asks for logits of the {of} images, which are not decoded.", "Ask for images.")
        return self.once("logits", lambda: self._decode(of), of)

    def images(self, of: Of) -> Tensor:
        """(B, C, H, W) in [0, 1]."""
        return self.real if of == "real" else self.once("images", lambda: self._draw(of), of)

    @property
    def mask(self) -> Tensor:
        """(B, 1, H, W) in [0, 1]: where the edit differs from the reconstruction, as composite edits see it; constant.

        Without a gradient: an edit must not shrink in order to be seen less.
        """
        return self.once("mask", lambda: edit_mask(self.images("reconstruction"), self.images("edited")).detach())

    def verdict(self, part: str, of: Of) -> Verdict:
        """What a discriminator or classifier says of some images."""
        verdict: Verdict = self.once("verdict", lambda: self.ask(part, self.images(of)), part, of)
        return verdict

    def ask(self, part: str, *given: Any) -> Any:
        """What a network says of whatever it is given. It may compute in bfloat16; losses never do."""
        with self._autocast():
            return _map(lambda t: t.float(), self.part(part)(*given))

    def noise(self, name: str, shape: Sequence[int]) -> Tensor:
        """Standard normal noise for this process's rows: drawn for the global batch, so its number does not matter.

        Args:
            name: Distinguishes several draws of one step.
            shape: Of one sample, without the batch.
        """
        return noise_of(self.rows, self.seed, self.step, name, tuple(shape)).to(self.real.device)

    def part(self, name: str) -> nn.Module:
        """A network of the recipe; what `once` computes with it is tied to it.

        Raises:
            UsageError: the recipe has no such part.
        """
        if name not in self.model.parts:
            known = list(self.model.parts)
            raise UsageError(f"A term asks for the part {name!r}, which the recipe lacks.", nearest(name, known))
        if self._asking:
            self._asking[-1].add(name)
        return self.model.parts[name]

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

    def renewed(self, trains: tuple[str, ...]) -> BatchView:
        """The same step after these parts changed: their answers are forgotten, all others detached."""
        view = BatchView.__new__(BatchView)
        view.__dict__.update(self.__dict__)
        view._asking = []
        view._memo = {k: a.detached() for k, a in self._memo.items() if not a.used & set(trains)}
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
        if of == "blended":
            return self.real + self.mask * (self.images("edited") - self.real)
        return self.logits(of).sigmoid()

    def _encode(self, of: Of) -> Code:
        labels = None
        if self.model.predictor != "encoder":
            labels = self.told(self.edited_targets if of in ("edited", "blended") else self.targets)
        return self.model.code(self.images(of), labels, self.ask)

    def _sample(self, of: Of, draw: int) -> Tensor:
        if of == "prior":
            if self.model.prior is None:
                raise UsageError("A term asks for samples, but this latent has no prior.", "Leave that term out.")
            return self.noise(f"z/prior/{draw}", latent_shape(self.model.parts["decoder"], self.model.latent_dim))
        code = self.code(of)
        return sampled(code, None if code.logvar is None else self.noise(f"z/{of}/{draw}", code.mean.shape[1:]))

    def _decode(self, of: Of) -> Tensor:
        origin: Of = "edited" if of == "cycle" else "prior" if of == "prior" else "real"
        if of == "reconstruction":
            attrs = self.decoding_attrs
        else:
            attrs = self.told(self.edited_targets if of == "edited" else self.targets)
        code = None
        if of != "prior":
            own = self.told(self.edited_targets) if of == "cycle" else self.decoding_attrs
            code = self.code(origin)._replace(labels=own)
        logits: Tensor = self.ask("decoder", self.z(origin), attrs, code)
        return logits


@dataclass(frozen=True)
class _Answer:
    """A remembered value and the parts it came from."""

    value: Any
    used: frozenset[str]

    def detached(self) -> _Answer:
        return replace(self, value=_map(lambda t: t.detach(), self.value))


def _map(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to every tensor of a nested tuple."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        items = [_map(function, v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
