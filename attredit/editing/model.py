"""The model that a recipe describes: images to codes, and codes with wanted attributes to images. Tensors in and out.

The same in training, where a `BatchView` asks it, and in editing, where an `Editor` brings it pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.editing.composite import blend_batch
from attredit.errors import UsageError
from attredit.networks import Code, Verdict
from attredit.plugin.calling import naming
from attredit.recipe import Recipe
from attredit.rows import noise

Ask = Callable[..., Any]
"""How a part is called: its name, and what it is given. Training notes which took part, and in which arithmetic."""


class Model(nn.Module):
    """Parts of a recipe, and how they work together.

    Args:
        parts: Networks by their name in the recipe; "encoder", "decoder" and the predictor are what editing needs.
        schema: The attributes that are edited.
        latent_dim: Z, the width of the latent.
        predictor: The part that tells an image's attributes: the encoder's label head, or a classifier.
        prior: Distribution of the latent; None where there is none to decode from.
        decode_with: Whether the decoder is told "true" labels in training, hard ones, or "predicted" probabilities.
        edit_from: Edits start from the latent's "mean", or from a "sample" of it.
        styles: See `attredit.Recipe`.
        seed: Of that sample.

    Attributes:
        slices: Where the parts of the latent lie, by name; empty where it has none.
        kinds: Kind and full name of each part, where a recipe tells.

    Raises:
        UsageError: the encoder's parts of the latent are no content and attributes, or do not sum to Z.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        schema: AttributeSchema,
        *,
        latent_dim: int,
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
        widths = getattr(dict(self.parts.items()).get("encoder"), "latent_parts", {})
        self.kinds: dict[str, str] = {}
        self.slices = _slices(widths, schema, latent_dim)

    @classmethod
    def of(cls, recipe: Recipe, parts: Mapping[str, nn.Module], schema: AttributeSchema, seed: int = 0) -> Model:
        """The model of a recipe whose parts are built."""
        model = cls(
            parts,
            schema,
            latent_dim=recipe.latent_dim,
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

    def decode(
        self,
        code: Code,
        changes: Mapping[str, Any] | None = None,
        *,
        strength: float = 1.0,
        like: Code | None = None,
        **attributes: Any,
    ) -> Tensor:
        """A code's images (B, C, H, W) in [0, 1]: ``decode(code)`` reconstructs, ``decode(code, Smiling=1)`` edits.

        Args:
            code: As `encode` gives it; or any with `z` and `labels`.
            changes: Attributes and wanted values, as `AttributeSchema.wanted` reads them; or keyword arguments.
            strength: How far to go from the code's labels to the wanted ones.
            like: Of other images, whose parts of the latent the changed attributes take: which glasses.
            **attributes: See `changes`.

        Raises:
            UsageError: an unknown attribute or value; or `like`, and the latent has no part for a changed attribute.
        """
        asked = {**(changes or {}), **attributes}
        assert code.z is not None
        z = code.z if like is None else self.taken_over(code.z, like, asked)
        return self.draw(z, self.changed(code, asked, strength), code)

    def taken_over(self, z: Tensor, like: Code, names: Iterable[str]) -> Tensor:
        """(B, Z) latents whose parts of some attributes are those of other codes.

        Raises:
            UsageError: the latent has no part for one of them.
        """
        assert like.z is not None
        z = z.clone()
        for name in names:
            if name not in self.slices:
                raise UsageError(f"This model's latent has no part for {name}.", "Leave out what it shall be like.")
            z[:, self.slices[name]] = like.z[:, self.slices[name]]
        return z

    def content(self, code: Code) -> Code:
        """The code without what the parts of attributes hold: what factorizers and probes read."""
        where = self.slices.get("content")
        if where is None:
            return code
        mean, logvar, z = (None if t is None else t[:, where] for t in (code.mean, code.logvar, code.z))
        assert mean is not None
        return code._replace(mean=mean, logvar=logvar, z=z)

    def changed(self, code: Code, changes: Mapping[str, Any], strength: float = 1.0) -> Tensor:
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
    def compositor(self) -> nn.Module | None:
        """What blends edits into images; None for the one without weights."""
        return dict(self.parts.items()).get("compositor")

    def composite(self, images: Tensor, before: Tensor, after: Tensor, ask: Ask | None = None) -> Tensor:
        """Decoded edits blended into images (B, C, H, W): by the part "compositor", or as `composite.py` does.

        Args:
            images: Of any size.
            before: Decoded with the attributes that they have.
            after: Decoded with the wanted ones.
            ask: See `Ask`.
        """
        if "compositor" not in self.parts:
            return blend_batch(images.to(self.device), before, after)
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


def _slices(widths: Mapping[str, int], schema: AttributeSchema, latent_dim: int) -> dict[str, slice]:
    """Where parts of the latent lie, one after the other."""
    found, end = {}, 0
    for name, width in widths.items():
        if name != "content" and name not in schema.names:
            hint = f"Parts are the content, and {', '.join(schema.names)}."
            raise UsageError(f"The encoder's latent has a part {name!r}, which is no attribute.", hint)
        found[name] = slice(end, end + width)
        end += width
    if found and "content" not in found:
        raise UsageError("The encoder's latent has parts, and none is the content.", 'Add "content" to latent_parts.')
    if found and end != latent_dim:
        raise UsageError(
            f"The encoder's parts of the latent sum to {end}.", f"The recipe's latent_dim is {latent_dim}."
        )
    return found


def sampled(code: Code, eps: Tensor | None) -> Tensor:
    """A sample of the code's latent, mu + sigma * eps, shaped as its mean; the mean without eps, or without sigma."""
    return code.mean if eps is None or code.logvar is None else code.mean + (0.5 * code.logvar).exp() * eps


def moved(schema: AttributeSchema, attrs: Tensor, changes: Mapping[str, Any], strength: float = 1.0) -> Tensor:
    """(B, A) with some attributes moved towards wanted values.

    Raises:
        UsageError: an unknown attribute or value.
    """
    attrs = attrs.clone()
    for i, columns in schema.wanted(changes).items():
        where = schema.columns[i]
        attrs[:, where] += strength * (torch.tensor(columns, device=attrs.device) - attrs[:, where])
    return attrs
