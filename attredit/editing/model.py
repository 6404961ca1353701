"""The model that a recipe describes: images to codes, and codes with wanted attributes to images. Tensors in and out.

The same in training, where a `BatchView` asks it, and in editing, where an `Editor` brings it pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.editing.composite import blend_batch, change_of, edit_mask, widest
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


# What of a recipe a model knows.
_OF_RECIPE = ("latent_dim", "style_dim", "predictor", "prior", "decode_with", "edit_from", "styles")

# Times as large as where an edit is, a place's variance says nothing against that it belongs to it.
_AS_VARIED = 2.0

# Below this share of the largest deviation, places count as if they varied as much.
_LEAST_VARIED = 0.35

# Places of images whose deviations are known, in a row.
_PLACES = 16

# So many styles tell where an attribute is, by the mask that they have on average; from this share of it on.
_WHERE, _THERE = 8, 0.1


class Edit(NamedTuple):
    """What the decoder makes of an edit; `Model.composite` brings it into images.

    Attributes:
        before: (B, C, H, W) decoded with what the images are taken to have.
        after: (B, C, H, W) with what they shall have.
        change: (B, 1, H, W) how much of each place belongs to the edit.
        attrs: (B, A) what they shall have.
    """

    before: Tensor
    after: Tensor
    change: Tensor
    attrs: Tensor


class Known(nn.Module):
    """What is looked up in images once a model is trained, by `training/settling.py`.

    Args:
        schema: n attributes.
        style_dim: W.

    Attributes:
        varied: (h, w) standard deviation of training images at each place; 1 everywhere where none were seen.
        sure: (n, most values) log-odds beyond which a predicted value is believed, whatever is asked for.
        styles: (n, K, W) of training images that have an attribute, the clearest first, again if they are few.
        count: (n,) how many of them there are.
        reach: (n, most values) how far an edit to a value goes where all the way is asked for; 1 is as far as training.
        style_reach: (n, K) the same of edits that put on one of the styles.
    """

    varied: Tensor
    sure: Tensor
    styles: Tensor
    count: Tensor
    reach: Tensor
    style_reach: Tensor

    def __init__(self, schema: AttributeSchema, style_dim: int) -> None:
        super().__init__()
        values = len(schema), max(len(a.values) for a in schema)
        self.register_buffer("varied", torch.ones(_PLACES, _PLACES))
        self.register_buffer("sure", torch.full(values, _SURE))
        self.register_buffer("reach", torch.ones(values))
        self.register_buffer("styles", torch.zeros(len(schema), STYLES, style_dim), persistent=style_dim > 0)
        self.register_buffer("style_reach", torch.ones(len(schema), STYLES), persistent=style_dim > 0)
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
        model = cls(parts, schema, seed=seed, **{name: getattr(recipe, name) for name in _OF_RECIPE})
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
        labels, shares = code.labels.clone(), self.probabilities(code)
        for i, want in self._wanted(changes).items():
            where = self.schema.columns[i]
            labels[:, where] = self.supposed_of(i, shares[:, where], want, labels[:, where])
        for i, want in self._wanted(given or {}).items():
            labels[:, self.schema.columns[i]] = want
        return code._replace(labels=labels)

    def supposed_of(self, i: int, shares: Tensor, wanted: Tensor, own: Tensor) -> Tensor:
        """(B, k) `supposed` columns of attribute `i`, in tensors alone, which can be exported.

        Args:
            i: Number of the attribute.
            shares: (B, k) predicted probabilities.
            wanted: (B, k) or (1, k) what is asked for.
            own: (B, k) what is taken where `wanted` lies between the values.
        """
        attribute = self.schema.attributes[i]
        whole, each = attribute.whole(wanted), attribute.shares(shares)
        sure = ((each.logit() > self.known.sure[i, : each.shape[1]]) & (whole > 0)).any(1, keepdim=True)
        other = F.one_hot((each - 2.0 * whole).argmax(1), each.shape[1]).to(shares.dtype)
        has = torch.where(sure, whole, other)
        return torch.where(whole.any(1, keepdim=True), has[:, 1:] if attribute.binary else has, own)

    def decode(
        self,
        code: Code,
        changes: Mapping[str, Any] | None = None,
        *,
        strength: float | Mapping[str, float | Tensor] = 1.0,
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
        usual: Tensor | None = None,
    ) -> Edit:
        """An edit of a code's images, beside what it is to be compared with; see `supposed` and `decode`.

        Args:
            code: See `supposed`.
            changes: See `supposed`.
            strength: See `decode`.
            given: See `supposed`.
            like: See `decode`.
            style: See `decode`.
            usual: What `usual` says of this request, whatever its style and strength; None to find it out.

        Raises:
            UsageError: as they do.
        """
        code, names, wanted = self.supposed(code, changes, given), self.schema.names, self._wanted(changes)
        far = {names[i]: strength * self.reach(i, want, self._numbered(i, style)) for i, want in wanted.items()}
        before, after = self.decode(code), self.decode(code, changes, strength=far, like=like, style=style)
        worn = {names[i]: want for i, want in wanted.items() if names[i] in self.wearable}
        attrs = self.changed(code, changes, min(strength, 1.0))
        if not worn or not strength:
            return self.compared(before, after, attrs)
        if usual is None:
            usual = self.usual_change(code, self.changed(code, changes), worn)
        alone = torch.tensor([len(worn) == len(wanted)], device=after.device)
        return Edit(before, after, self.extent(code, worn, alone, self.change(before, after), usual), attrs)

    def change(self, before: Tensor, after: Tensor) -> Tensor:
        """(B, 1, H, W) how much each place of decoded images (B, C, H, W) belongs to what turns these into those.

        That is how far they differ, but less where images vary far more than where the edit is: every change of
        attributes moves what the decoder cannot foretell, such as a background, and nothing of the attribute is there.
        """
        change = change_of(before, after)
        varied = F.interpolate(self.known.varied[None, None], change.shape[2:], mode="bilinear", align_corners=False)
        # Unrest on a background that never varies would else count for more than all that happens elsewhere.
        varied = torch.maximum(varied, _LEAST_VARIED * varied.max()).clamp(min=1e-3)
        told = (change / varied).square()
        there = (told * varied).sum((2, 3), keepdim=True) / told.sum((2, 3), keepdim=True).clamp(min=1e-12)
        counted = change * (_AS_VARIED * (there / varied).square()).clamp(max=1.0).pow(4)
        # The largest stays as large: below some size nothing is an edit.
        return counted * (change.amax((2, 3), keepdim=True) / counted.amax((2, 3), keepdim=True).clamp(min=1e-12))

    def compared(self, before: Tensor, after: Tensor, attrs: Tensor) -> Edit:
        """An edit to attributes (B, A) that belongs wherever these two differ; see `change`."""
        return Edit(before, after, self.change(before, after), attrs)

    def usual(self, code: Code, changes: Mapping[str, Any], *, given: Mapping[str, Any] | None = None) -> Tensor | None:
        """(B, 1, H, W) what kept styles of what an edit puts on or takes off change on average; None without any.

        Raises:
            UsageError: as `supposed`.
        """
        code, names = self.supposed(code, changes, given), self.schema.names
        worn = {names[i]: want for i, want in self._wanted(changes).items() if names[i] in self.wearable}
        return self.usual_change(code, self.changed(code, changes), worn) if worn else None

    def reach(self, i: int, wanted: Tensor, number: int | None = None) -> Tensor:
        """(B, 1) how far edits of attribute `i` to `wanted` (B, k) go, where all the way is asked for.

        Args:
            i: Number of the attribute.
            wanted: What is asked for.
            number: Of the kept style that is asked for, from 1.
        """
        whole = self.schema.attributes[i].whole(wanted)
        reach = self.known.reach[i, : whole.shape[1]]
        if number is not None:
            reach = torch.stack([reach[0], self.known.style_reach[i, number - 1]])
        return 1.0 + (whole * (reach - 1.0)).sum(1, keepdim=True)

    def usual_change(self, code: Code, goal: Tensor, worn: Mapping[str, Tensor]) -> Tensor:
        """(B, 1, H, W) what kept styles of the `worn` attributes change on average, in tensors alone.

        Args:
            code: What an edit starts from.
            goal: (B, A) where it leads, all the way.
            worn: Of each `wearable` attribute that is edited (B, 1) or (1, 1) what is asked for, NaN where nothing is.
        """
        assert code.z is not None
        asked, changes = {name: ~want.isnan() for name, want in worn.items()}, []
        without, having = (
            torch.cat(
                [
                    goal[:, where].masked_fill(asked[name], to) if name in worn else goal[:, where]
                    for name, where in zip(self.schema.names, self.schema.columns, strict=True)
                ],
                1,
            )
            for to in (0.0, 1.0)
        )
        bare = self.draw(code.z, without, code)
        for number in range(_WHERE):
            z = code.z
            for name in worn:
                z = self.dressed(z, name, number, asked[name])
            changes.append(self.change(bare, self.draw(z, having, code)))
        return torch.stack(changes).mean(0)

    def extent(self, code: Code, worn: Mapping[str, Tensor], alone: Tensor, own: Tensor, usual: Tensor) -> Tensor:
        """(B, 1, H, W) how much of each place belongs to an edit that puts attributes on or takes them off.

        In tensors alone. What the edit's own style changes where many styles change something, for that one may change
        hair and background, too; and of what is taken off also what they do on average, for own rims may be drawn too
        faintly. A compositor that draws what it blends reaches some pixels farther there (`reach`), for else their
        outermost ones stay; one that only blends would blur what it need not.

        Args:
            code: What the edit starts from.
            worn: See `usual_change`.
            alone: (B,) or (1,) whether nothing else is edited, which only the image's own change would show.
            own: (B, 1, H, W) what the edit changes.
            usual: (B, 1, H, W) see `usual_change`.
        """
        assert code.labels is not None
        columns = dict(zip(self.schema.names, self.schema.columns, strict=True))
        # What is surely not there, an edit leaves as it is.
        off = [(want == 0.0) & (code.labels[:, columns[name]] > 0.0) for name, want in worn.items()]
        there = edit_mask(usual) >= _THERE
        # Where kept styles change nothing that anybody would see, or something else is edited, the own change tells.
        there = there | ~(there.flatten(1).any(1) & alone).view(-1, 1, 1, 1)
        gone = torch.cat(off, 1).any(1).view(-1, 1, 1, 1)
        some = ~torch.cat(list(worn.values()), 1).isnan().all(1).view(-1, 1, 1, 1)
        own = torch.where(some, own * there, own)
        lost, reach = torch.maximum(usual, own), getattr(self.compositor, "reach", 0)
        return torch.where(gone, widest(lost, reach) if reach else lost, own)

    def dressed(self, z: Tensor, name: str, number: int, which: Tensor) -> Tensor:
        """(B, Z + n W) latents, some of them (B, 1) in a kept style of an attribute, numbered from 0 to K - 1."""
        where, style = self.slices[name], self.known.styles[self.schema.index(name), number]
        changed = torch.cat([z[:, : where.start], style.expand(z.shape[0], -1), z[:, where.stop :]], 1)
        return torch.where(which, changed, z)

    @property
    def wearable(self) -> list[str]:
        """Attributes of which styles are kept."""
        return [name for name in self.slices if self.known.count[self.schema.index(name)]]

    def _wanted(self, changes: Mapping[str, Any]) -> dict[int, Tensor]:
        """What is asked for as columns (1, k), by number of the attribute.

        Raises:
            UsageError: an unknown attribute or value.
        """
        return {i: torch.tensor([columns], device=self.device) for i, columns in self.schema.wanted(changes).items()}

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
            number = self._numbered(i, style)
            if where is None:
                if like is not None:
                    raise UsageError(f"This model has no styles of {name}.", "Leave out what it shall be like.")
            elif like is not None:
                assert like.z is not None
                z[:, where] = like.z[:, where]
            elif name in self.wearable:
                lacks = code.labels[:, self.schema.columns[i]] <= 0.5
                z = self.dressed(z, name, (number or 1) - 1, lacks | (number is not None))
        return z

    def _numbered(self, i: int, style: int | Mapping[str, int] | None) -> int | None:
        """The number of the style that attribute `i` is asked in.

        Raises:
            UsageError: there is no such style.
        """
        name = self.schema.names[i]
        number = style.get(name) if isinstance(style, Mapping) else style
        if number is not None and name not in self.slices:
            raise UsageError(f"This model has no styles of {name}.", "Leave out what it shall be like.")
        count = int(self.known.count[i])
        if number is not None and not 1 <= number <= count:
            styles = f"Styles of {name} are numbered 1 to {count}."
            raise UsageError(f"There is no style {number}.", styles if count else "This run has kept none.")
        return number

    def content(self, code: Code) -> Code:
        """The code without styles: what factorizers and probes read."""
        if not self.slices:
            return code
        mean, logvar, z = (None if t is None else t[:, : self.latent_dim] for t in (code.mean, code.logvar, code.z))
        assert mean is not None
        return code._replace(mean=mean, logvar=logvar, z=z)

    def changed(
        self, code: Code, changes: Mapping[str, Any], strength: float | Mapping[str, float | Tensor] = 1.0
    ) -> Tensor:
        """(B, A) the code's labels, moved towards wanted ones.

        Raises:
            UsageError: an unknown attribute or value.
        """
        assert code.labels is not None
        return moved(self.schema, code.labels, changes, strength)

    def draw(self, z: Tensor, attrs: Tensor, code: Code | None, ask: Ask | None = None) -> Tensor:
        """Latents (B, Z) and attributes (B, A) to images (B, C, H, W) in [0, 1]; no code where z is of the prior."""
        logits: Tensor = (ask or self.ask)("decoder", z, attrs, code)
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

    def composite(self, images: Tensor, edit: Edit, ask: Ask | None = None) -> Tensor:
        """A decoded edit blended into images (B, C, H, W): by the part "compositor", or as `composite.py` does.

        Args:
            images: Of any size.
            edit: Of them.
            ask: See `Ask`.
        """
        images = images.to(self.device)
        if "compositor" not in self.parts:
            return blend_batch(images, edit.before, edit.after, edit.change)
        blended: Tensor = (ask or self.ask)("compositor", images, *edit)
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
    schema: AttributeSchema,
    attrs: Tensor,
    changes: Mapping[str, Any],
    strength: float | Mapping[str, float | Tensor] = 1.0,
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
