"""The model that a recipe describes: images to codes, and codes with wanted attributes to images. Tensors in and out.

The same in training, where a `BatchView` asks it, and in editing, where an `Editor` brings it pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.editing.composite import blend_batch
from attredit.errors import UsageError
from attredit.networks import Code, Verdict
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
        seed: Of that sample.
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
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(dict(parts))
        self.schema, self.latent_dim, self.predictor, self.prior = schema, latent_dim, predictor, prior
        self.decode_with, self.edit_from, self.seed = decode_with, edit_from, seed

    @classmethod
    def of(cls, recipe: Recipe, parts: Mapping[str, nn.Module], schema: AttributeSchema, seed: int = 0) -> Model:
        """The model of a recipe whose parts are built."""
        return cls(
            parts,
            schema,
            latent_dim=recipe.latent_dim,
            predictor=recipe.predictor,
            prior=recipe.prior,
            decode_with=recipe.decode_with,
            edit_from=recipe.edit_from,
            seed=seed,
        )

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
        labels = self._as_told(attrs)
        code = said if self.predictor == "encoder" else self.code(images, labels)
        eps = None
        if self.edit_from == "sample":
            eps = noise(self.seed, 0, "edit", tuple(code.mean.shape)).to(self.device)
        return code._replace(attrs=attrs, labels=labels, z=sampled(code, eps))

    def decode(
        self, code: Code, changes: Mapping[str, Any] | None = None, *, strength: float = 1.0, **attributes: Any
    ) -> Tensor:
        """A code's images (B, C, H, W) in [0, 1]: ``decode(code)`` reconstructs, ``decode(code, Smiling=1)`` edits.

        Args:
            code: As `encode` gives it; or any with `z` and `labels`.
            changes: Attributes and wanted values, as `AttributeSchema.wanted` reads them; or keyword arguments.
            strength: How far to go from the code's labels to the wanted ones.
            **attributes: See `changes`.

        Raises:
            UsageError: an unknown attribute or value.
        """
        assert code.z is not None
        return self.draw(code.z, self.changed(code, {**(changes or {}), **attributes}, strength), code)

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

    def composite(self, images: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Decoded edits blended into images of the model's own size, all (B, C, H, W); see `composite.py`."""
        return blend_batch(images.to(self.device), before, after)

    def probabilities(self, code: Code) -> Tensor:
        """(B, A) what is predicted of the code's images."""
        return self.schema.probabilities(self.told_by(code))

    # --- what training shares ---------------------------------------------------------------------------------------

    def ask(self, part: str, *given: Any) -> Any:
        """What a part says."""
        return self.parts[part](*given)

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

    def _as_told(self, attrs: Tensor) -> Tensor:
        """(B, A) logits to what networks are told: as hard or soft as in training."""
        soft = self.schema.probabilities(attrs)
        return soft if self.decode_with == "predicted" else self.schema.encode(self.schema.decode(soft))


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
