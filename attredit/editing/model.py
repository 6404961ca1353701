"""The model that a recipe describes: images to codes, and codes with wanted attributes to images. Tensors in and out.

The same in training, where a `BatchView` asks it, and in editing, where an `Editor` brings it pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.editing.composite import blend_batch, change_of
from attredit.errors import UsageError
from attredit.networks import Code, Verdict, latent_shape
from attredit.plugin.calling import naming
from attredit.recipe import Recipe
from attredit.rows import noise

Ask = Callable[..., Any]
"""How a part is called: its name, and what it is given. Training notes which took part, and in which arithmetic."""


STYLES = 16
"""K, how many styles of each attribute a run keeps."""

# What is sure where no validation images have told.
_SURE = math.log(0.95 / 0.05)


# So many styles tell where an attribute is.
WHERE = 8


class Edit(NamedTuple):
    """What the decoder makes of an edit; `Model.composite` brings it into images.

    Attributes:
        before: (B, C, H, W) decoded with what the images are taken to have.
        after: (B, C, H, W) with what they shall have.
        change: (B, 1, H, W) how much of each place belongs to the edit.
    """

    before: Tensor
    after: Tensor
    change: Tensor


def plainer(own: Tensor, styles: Tensor, *, alone: bool = True) -> Tensor:
    """(B, 1, H, W) where an image's own change is the weaker one, that of styles; else its own.

    Args:
        own: (B, 1, H, W).
        styles: Likewise.
        alone: Whether nothing else is edited, which only its own change would show.
    """
    weaker = own.flatten(1).amax(1) < styles.flatten(1).amax(1)
    return torch.where(weaker.view(-1, 1, 1, 1), styles if alone else torch.maximum(own, styles), own)


def compared(before: Tensor, after: Tensor) -> Edit:
    """An edit that belongs wherever these two differ."""
    return Edit(before, after, change_of(before, after))


class Known(nn.Module):
    """What is looked up in images once a model is trained, by `training/settling.py`.

    Args:
        schema: n attributes.
        style_dim: W.

    Attributes:
        sure: (n, most values) log-odds beyond which a predicted value is believed, whatever is asked for.
        styles: (n, K, W) of training images that have an attribute, the clearest first.
        count: (n,) how many of them there are.
        reach: (n, most values) how far an edit to a value goes where all the way is asked for; 1 is as far as training.
    """

    sure: Tensor
    styles: Tensor
    count: Tensor
    reach: Tensor

    def __init__(self, schema: AttributeSchema, style_dim: int) -> None:
        super().__init__()
        values = len(schema), max(len(a.values) for a in schema)
        self.register_buffer("sure", torch.full(values, _SURE))
        self.register_buffer("reach", torch.ones(values))
        self.register_buffer("styles", torch.zeros(len(schema), STYLES, style_dim), persistent=style_dim > 0)
        self.register_buffer("count", torch.zeros(len(schema), dtype=torch.long), persistent=style_dim > 0)


class Model(nn.Module):
    """Parts of a recipe, and how they work together.

    Args:
        parts: Networks by their name in the recipe; "encoder", "decoder" and the predictor are what editing needs.
        schema: The attributes that are edited.
        latent_dim: Z, the width of the latent's content.
        style_dim: W, the width of each attribute's style.
        predictor: The part that tells an image's attributes: the encoder's label head, or a classifier.
        prior: Distribution of the latent; None where there is none to decode from.
        decode_with: Whether the decoder is told "true" labels in training, hard ones, or "predicted" probabilities.
        edit_from: Edits start from the latent's "mean", or from a "sample" of it.
        styles: See `attredit.Recipe`.
        seed: Of that sample.

    Attributes:
        slices: Where the styles of attributes lie in the latent, by name; empty where there are none.
        known: What is looked up in images once the model is trained.
        kinds: Kind and full name of each part, where a recipe tells.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        schema: AttributeSchema,
        *,
        latent_dim: int,
        style_dim: int = 0,
        predictor: str = "encoder",
        prior: str | None = "normal",
        decode_with: str = "true",
        edit_from: str = "mean",
        styles: str = "own",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(dict(parts))
        self.schema, self.latent_dim, self.predictor, self.prior = schema, latent_dim, predictor, prior
        self.decode_with, self.edit_from, self.styles, self.seed = decode_with, edit_from, styles, seed
        self.kinds: dict[str, str] = {}
        self.slices = style_slices(schema, latent_dim, style_dim)
        self.known = Known(schema, style_dim)

    @classmethod
    def of(cls, recipe: Recipe, parts: Mapping[str, nn.Module], schema: AttributeSchema, seed: int = 0) -> Model:
        """The model of a recipe whose parts are built."""
        model = cls(
            parts,
            schema,
            latent_dim=recipe.latent_dim,
            style_dim=recipe.style_dim,
            predictor=recipe.predictor,
            prior=recipe.prior,
            decode_with=recipe.decode_with,
            edit_from=recipe.edit_from,
            styles=recipe.styles,
            seed=seed,
        )
        model.kinds = recipe.called
        return model

    # --- images to codes, and codes to images -----------------------------------------------------------------------

    def encode(self, images: Tensor) -> Code:
        """Images (B, C, H, W) in [0, 1] to a code with the latent that edits start from, and predicted labels.

        Raises:
            UsageError: nothing predicts attributes.
        """
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        # Of the encoder that predicts, the answer is the code; any other predictor is asked first.
        said = self.code(images, None) if self.predictor == "encoder" else self.ask(self.predictor, images)
        attrs = self.told_by(said)
        labels = self.as_told(attrs)
        code = said if self.predictor == "encoder" else self.code(images, labels)
        eps = None
        if self.edit_from == "sample":
            eps = noise(self.seed, 0, "edit", tuple(code.mean.shape)).to(self.device)
        return code._replace(attrs=attrs, labels=labels, z=sampled(code, eps))

    def supposed(self, code: Code, changes: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Code:
        """A code whose labels are those that an edit is to start from.

        Whoever asks for a value usually has an image without it. So an image is taken not to have it, but the likeliest
        other one, unless the predictor is sure; then an edit leaves it as it is.

        Args:
            code: As `encode` gives it.
            changes: What is asked for. Values between those of training say nothing of what an image has.
            given: What the images are said to have, whatever the predictor says.

        Raises:
            UsageError: an unknown attribute or value.
        """
        assert code.labels is not None
        labels = code.labels.clone()
        for i, columns in self.schema.wanted(changes).items():
            if (value := self.schema.attributes[i].whole(columns)) is not None:
                labels[:, self.schema.columns[i]] = self._supposed(code, i, value)
        for i, columns in self.schema.wanted(given or {}).items():
            labels[:, self.schema.columns[i]] = torch.tensor(columns, device=labels.device)
        return code._replace(labels=labels)

    def _supposed(self, code: Code, i: int, value: int) -> Tensor:
        """(B, k) columns of attribute `i`: the asked value where that is sure, else the likeliest other one."""
        attribute = self.schema.attributes[i]
        shares = attribute.shares(self.probabilities(code)[:, self.schema.columns[i]])
        others = shares.clone()
        others[:, value] = -1.0
        has = torch.where(shares[:, value].logit() > self.known.sure[i, value], value, others.argmax(1))
        return AttributeSchema((attribute,)).encode(has[:, None])

    def decode(
        self,
        code: Code,
        changes: Mapping[str, Any] | None = None,
        *,
        strength: float | Mapping[str, float] = 1.0,
        like: Code | None = None,
        style: int | Mapping[str, int] | None = None,
        **attributes: Any,
    ) -> Tensor:
        """A code's images (B, C, H, W) in [0, 1]: ``decode(code)`` reconstructs, ``decode(code, Smiling=1)`` edits.

        Args:
            code: As `encode` gives it; or any with `z` and `labels`.
            changes: Attributes and wanted values, as `AttributeSchema.wanted` reads them; or keyword arguments.
            strength: How far to go from the code's labels to the wanted ones; of each attribute, or of all.
            like: Of other images, whose styles the changed attributes take: which glasses.
            style: Which of the `known` styles they take, from 1, or which each of them takes; when neither is said, the
                image's own where it has the attribute, else the first.
            **attributes: See `changes`.

        Raises:
            UsageError: an unknown attribute or value; or a style is asked for, and there is none.
        """
        asked = {**(changes or {}), **attributes}
        return self.draw(self._styled(code, asked, like, style), self.changed(code, asked, strength), code)

    def edit(
        self,
        code: Code,
        changes: Mapping[str, Any],
        *,
        strength: float = 1.0,
        given: Mapping[str, Any] | None = None,
        like: Code | None = None,
        style: int | Mapping[str, int] | None = None,
    ) -> Edit:
        """An edit of a code's images, beside what it is to be compared with; see `supposed` and `decode`.

        Raises:
            UsageError: as they do.
        """
        code, far = self.supposed(code, changes, given), self._reaching(changes, strength)
        before, after = self.decode(code), self.decode(code, changes, strength=far, like=like, style=style)
        edit, off = compared(before, after), self._taken_off(changes) if strength else []
        if off:
            # Where the image's own is drawn faintly, what many styles have in common tells better where it was.
            kept = {name: value for name, value in changes.items() if name not in off}
            kept_labels = self.changed(code, kept, far) if kept else code.labels
            again = [self._worn(code, kept_labels, off, number) for number in range(WHERE)]
            edit = edit._replace(
                change=plainer(edit.change, change_of(torch.stack(again).mean(0), after), alone=not kept)
            )
        return edit

    def _worn(self, code: Code, labels: Tensor | None, names: Sequence[str], number: int) -> Tensor:
        """Images (B, C, H, W) of labels (B, A), but with some attributes in one of their kept styles."""
        assert code.z is not None
        assert labels is not None
        z, labels = code.z.clone(), labels.clone()
        for name in names:
            i = self.schema.index(name)
            z[:, self.slices[name]] = self.known.styles[i, number % self.known.count[i]]
            labels[:, self.schema.columns[i]] = 1.0
        return self.draw(z, labels, code)

    def _reaching(self, changes: Mapping[str, Any], strength: float) -> dict[str, float]:
        """How far each attribute is to go."""
        found = {}
        for i, columns in self.schema.wanted(changes).items():
            value = self.schema.attributes[i].whole(columns)
            found[self.schema.names[i]] = strength * (1.0 if value is None else float(self.known.reach[i, value]))
        return found

    def _taken_off(self, changes: Mapping[str, Any]) -> list[str]:
        """Attributes with styles that are asked to go."""
        names = (self.schema.names[i] for i, columns in self.schema.wanted(changes).items() if columns == [0.0])
        return [name for name in names if name in self.slices and self.known.count[self.schema.index(name)]]

    def _styled(
        self, code: Code, asked: Mapping[str, Any], like: Code | None, style: int | Mapping[str, int] | None
    ) -> Tensor:
        """(B, Z + n W) the code's latent with the styles that the asked attributes are to have.

        Raises:
            UsageError: a style is asked for, and there is none.
        """
        assert code.z is not None
        assert code.labels is not None
        z = code.z.clone()
        for i in self.schema.wanted(asked):
            name, where = self.schema.names[i], self.slices.get(self.schema.names[i])
            number = style.get(name) if isinstance(style, Mapping) else style
            if where is None:
                if like is not None or number is not None:
                    raise UsageError(f"This model has no styles of {name}.", "Leave out what it shall be like.")
            elif like is not None:
                assert like.z is not None
                z[:, where] = like.z[:, where]
            elif self.schema.attributes[i].binary and (self.known.count[i] or number is not None):
                lacks = code.labels[:, self.schema.columns[i]] <= 0.5
                z[:, where] = torch.where(lacks | (number is not None), self._kept(i, number or 1), z[:, where])
        return z

    def _kept(self, i: int, style: int) -> Tensor:
        """(W,) a style of the bank.

        Raises:
            UsageError: there is no such one.
        """
        count = int(self.known.count[i])
        if not 1 <= style <= count:
            styles = f"Styles of {self.schema.names[i]} are numbered 1 to {count}."
            raise UsageError(f"There is no style {style}.", styles if count else "This run has kept none.")
        return self.known.styles[i, style - 1]

    def content(self, code: Code) -> Code:
        """The code without styles: what factorizers and probes read."""
        if not self.slices:
            return code
        mean, logvar, z = (None if t is None else t[:, : self.latent_dim] for t in (code.mean, code.logvar, code.z))
        assert mean is not None
        return code._replace(mean=mean, logvar=logvar, z=z)

    def changed(self, code: Code, changes: Mapping[str, Any], strength: float | Mapping[str, float] = 1.0) -> Tensor:
        """(B, A) the code's labels, moved towards wanted ones.

        Raises:
            UsageError: an unknown attribute or value.
        """
        assert code.labels is not None
        return moved(self.schema, code.labels, changes, strength)

    def draw(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        """Latents (B, Z) and attributes (B, A) to images (B, C, H, W) in [0, 1]; no code where z is of the prior."""
        logits: Tensor = self.ask("decoder", z, attrs, code)
        return logits.sigmoid()

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Of one sample of the prior: what the decoder says, or (Z + n W,)."""
        width = self.latent_dim + sum(s.stop - s.start for s in self.slices.values())
        return latent_shape(self.parts["decoder"], width)

    @property
    def compositor(self) -> nn.Module | None:
        """What blends edits into images; None for the one without weights."""
        return dict(self.parts.items()).get("compositor")

    def composite(
        self, images: Tensor, before: Tensor, after: Tensor, change: Tensor | None = None, ask: Ask | None = None
    ) -> Tensor:
        """Decoded edits blended into images (B, C, H, W): by the part "compositor", or as `composite.py` does.

        Args:
            images: Of any size.
            before: Decoded with the attributes that they have.
            after: Decoded with the wanted ones.
            change: (B, 1, h, w), of `Edit`; how far these two differ when None. Compositors that are parts look for
                themselves.
            ask: See `Ask`.
        """
        if "compositor" not in self.parts:
            return blend_batch(images.to(self.device), before, after, change)
        blended: Tensor = (ask or self.ask)("compositor", images.to(self.device), before, after)
        return blended

    def probabilities(self, code: Code) -> Tensor:
        """(B, A) what is predicted of the code's images."""
        return self.schema.probabilities(self.told_by(code))

    # --- what training shares ---------------------------------------------------------------------------------------

    def ask(self, part: str, *given: Any) -> Any:
        """What a part says."""
        with naming(self.called(part)):
            return self.parts[part](*given)

    def called(self, part: str) -> str:
        """What a part is, with its plugin; for errors of its code."""
        return self.kinds.get(part, part)

    def code(self, images: Tensor, labels: Tensor | None, ask: Ask | None = None) -> Code:
        """What the encoder says of images; it is told labels (B, A), unless it is what predicts them."""
        code: Code = (ask or self.ask)("encoder", images, None if self.predictor == "encoder" else labels)
        return code

    def told_by(self, said: Code | Verdict) -> Tensor:
        """(B, A) the logits in what the predictor said.

        Raises:
            UsageError: it has no label head.
        """
        if said.attrs is None:
            raise UsageError(
                f"The {self.predictor} should predict attributes, but has no label head.", "Set another predictor."
            )
        return said.attrs

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.parts["encoder"].parameters(), torch.empty(0)).device

    def as_told(self, attrs: Tensor) -> Tensor:
        """(B, A) logits to what networks are told: as hard or soft as in training."""
        soft = self.schema.probabilities(attrs)
        return soft if self.decode_with == "predicted" else self.schema.encode(self.schema.decode(soft))


def style_slices(schema: AttributeSchema, latent_dim: int, style_dim: int) -> dict[str, slice]:
    """Where styles of W numbers lie behind a content of Z; none for W = 0."""
    starts = range(latent_dim, latent_dim + len(schema) * style_dim, style_dim) if style_dim else ()
    return {name: slice(start, start + style_dim) for name, start in zip(schema.names, starts, strict=False)}


def sampled(code: Code, eps: Tensor | None) -> Tensor:
    """A sample of the code's latent, mu + sigma * eps, shaped as its mean; the mean without eps, or without sigma."""
    return code.mean if eps is None or code.logvar is None else code.mean + (0.5 * code.logvar).exp() * eps


def moved(
    schema: AttributeSchema, attrs: Tensor, changes: Mapping[str, Any], strength: float | Mapping[str, float] = 1.0
) -> Tensor:
    """(B, A) with some attributes moved towards wanted values: all as far, or each as `strength` says of it.

    Raises:
        UsageError: an unknown attribute or value.
    """
    attrs = attrs.clone()
    for i, columns in schema.wanted(changes).items():
        where = schema.columns[i]
        far = strength[schema.names[i]] if isinstance(strength, Mapping) else strength
        attrs[:, where] += far * (torch.tensor(columns, device=attrs.device) - attrs[:, where])
    return attrs
