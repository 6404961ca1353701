"""A trained model as its users see it: edit, sweep, predict, reconstruct, sample, encode, decode."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from attredit.data.boxes import Box
from attredit.devices import device_of
from attredit.editing.composite import blend, blend_batch
from attredit.editing.faces import placed
from attredit.editing.images import Output, Picture, as_dtype, as_float, read, to_bytes, write
from attredit.errors import UsageError
from attredit.files import below, load_into, read_tensors
from attredit.networks import Code, NetworkSizes, build_parts, latent_shape
from attredit.plugin.registry import installed
from attredit.rows import noise
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

Mode = Literal["composite", "decoded"]

_CHUNK = 128
_SWEEP = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)


def load(run_dir: str | os.PathLike[str], device: str | None = None) -> Editor:
    """The editor of a finished (or interrupted) run.

    Args:
        run_dir: What `attredit train` wrote.
        device: Where to compute, such as cuda or cuda:1; the CPU when None.

    Raises:
        UsageError: this machine has no such device.
        RunError: the directory is no run, or its files are damaged.
        PluginError: a part's plugin is not installed.
    """
    where, run, registry = device_of("cpu" if device is None else device), RunDirectory(run_dir), installed()
    config = run.config()
    run.check_plugins(registry, config, config.recipe.edits_with)
    tensors, _ = read_tensors(run.model_file)
    sizes = NetworkSizes(config.channels, config.image_size, config.recipe.latent_dim, config.schema_.width)
    parts = build_parts(registry, config.recipe, config.recipe.edits_with, sizes)
    for name, part in parts.items():
        load_into(part, below(name, tensors), run.model_file)
    return Editor(config, parts.pop("encoder"), parts.pop("decoder"), where, *parts.values())


class Editor:
    """Edits images with an encoder, a decoder and, where the encoder predicts no attributes, a classifier.

    Images may be a path, a PIL image, a NumPy array (H, W, C) or (B, H, W, C), a tensor (C, H, W) or (B, C, H, W), or
    a list of these; any size and mode. What comes back is PIL images, arrays or tensors, as `output` says; one for one
    image, a list or batch for many. The source's labels are never asked for: they are predicted.

    `box` says what the model's square is to be around: left, top, width and height, in pixels of the image as it is
    shown; of many images a list with one for each, None where it is not said. Where it is not, the square lies as the
    run's crop says: for the crop ``box``, around the largest frontal face that OpenCV finds (`boxes` tells which).

    Args:
        config: The run's configuration.
        encoder: Images to a code.
        decoder: Latents and attributes to image logits.
        device: Where to compute.
        classifier: Images to a verdict with attributes, if the recipe's predictor is not the encoder.
    """

    def __init__(
        self,
        config: RunConfig,
        encoder: nn.Module,
        decoder: nn.Module,
        device: torch.device,
        classifier: nn.Module | None = None,
    ) -> None:
        self.config, self.device = config, device
        self.schema, self.geometry = config.schema_, config.geometry
        self.encoder, self.decoder = _ready(encoder, device), _ready(decoder, device)
        self.classifier = None if classifier is None else _ready(classifier, device)

    # --- for people -----------------------------------------------------------------------------------------------

    def edit(
        self,
        images: Any,
        changes: Mapping[str, Any] | None = None,
        *,
        box: Any = None,
        strength: float = 1.0,
        mode: Mode = "composite",
        output: Output = "pil",
        **attributes: Any,
    ) -> Any:
        """Change attributes: ``editor.edit("photo.png", Smiling=1)``.

        Args:
            images: One image or many.
            changes: Attributes and wanted values; the same as keyword arguments, for names that are no identifiers.
                Binary values may lie between 0 and 1, and beyond.
            box: See the class.
            strength: How far to go from the predicted value to the wanted one; 0 changes nothing, 1 all, 2 exaggerates.
            mode: "composite" keeps the image's own pixels and resolution outside the edited region; "decoded" is the
                paper's: the decoder's output, at the model's resolution.
            output: "pil", "numpy" or "tensor".
            **attributes: See `changes`.

        Raises:
            UsageError: an unknown attribute, value, mode or output, an endless strength, no image or no box; or a face
                has to be found, and OpenCV is not installed.
            DataError: a file that is no image, a box outside its image, or no face is found.
        """
        wanted = self.schema.wanted({**(changes or {}), **attributes})
        if mode not in ("composite", "decoded"):
            raise UsageError(f"Unknown mode {mode!r}.", "Use composite or decoded.")
        if not math.isfinite(strength):
            raise UsageError(f"A strength of {strength} is none.", "0 changes nothing, 1 goes all the way.")
        pictures, many = self._read(images, box)
        edited: list[Picture] = []
        for chunk in _chunks(pictures):
            code = self.encode(self._tensor(chunk))
            z, before = self.latent(code), self.attributes_of(code)
            after = self.changed(before, wanted, strength)
            new = self.decode(z, after, code)
            if mode == "decoded":
                edited += [Picture(to_bytes(a)) for a in _arrays(new)]
            else:
                old = self.decode(z, before, code)
                edited += [self._blend(p, o, n) for p, o, n in zip(chunk, _arrays(old), _arrays(new), strict=True)]
        return write(edited, many, output)

    def sweep(
        self,
        images: Any,
        attribute: str,
        values: Sequence[float | str] | None = None,
        *,
        box: Any = None,
        mode: Mode = "decoded",
        output: Output = "pil",
    ) -> Any:
        """Strips of one attribute's values, side by side; one strip per image.

        Args:
            images: One image or many.
            attribute: Which.
            values: Its values, left to right; of a categorical attribute all that it has, when None.
            box: See the class.
            mode: As for `edit`.
            output: As for `edit`.
        """
        pictures, many = self._read(images, box)
        boxes = [picture.box for picture in pictures]
        given, swept = images if many else [images], self.schema.select([attribute]).attributes[0]
        if values is None:
            values = _SWEEP if swept.binary else swept.values
        columns = [self.edit(given, {attribute: v}, box=boxes, mode=mode) for v in values]
        strips = [np.concatenate([np.asarray(c[i].convert("RGB")) for c in columns], 1) for i in range(len(pictures))]
        return write([Picture(s) for s in strips], many, output)

    def predict(self, images: Any, *, box: Any = None) -> Any:
        """Probabilities of attributes: ``{"Smiling": 0.97}``; for a categorical one, a dictionary by value's name."""
        pictures, many = self._read(images, box)
        rows = [r for chunk in _chunks(pictures) for r in self.probabilities(self.encode(self._tensor(chunk))).tolist()]
        named = [self.schema.named(row) for row in rows]
        return named if many else named[0]

    def reconstruct(self, images: Any, *, box: Any = None, output: Output = "pil") -> Any:
        """Encode and decode with the predicted attributes, at the model's resolution."""
        pictures, many = self._read(images, box)
        result: list[Picture] = []
        for chunk in _chunks(pictures):
            code = self.encode(self._tensor(chunk))
            decoded = self.decode(self.latent(code), self.attributes_of(code), code)
            result += [Picture(to_bytes(a)) for a in _arrays(decoded)]
        return write(result, many, output)

    def boxes(self, images: Any, box: Any = None) -> list[Box | None]:
        """What the square of each image is around, found where it has to be; None where it lies as the crop says.

        Raises:
            UsageError, DataError: as `edit`, of images and boxes.
        """
        return [picture.box for picture in self._read(images, box)[0]]

    def sample(
        self,
        n: int = 16,
        changes: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        output: Output = "pil",
        **attributes: Any,
    ) -> Any:
        """Images from the prior N(0, I); attributes that are not asked for are drawn evenly.

        Args:
            n: How many.
            changes: As for `edit`.
            seed: Same seed, same images.
            output: As for `edit`.
            **attributes: As for `edit`.

        Raises:
            UsageError: an unknown attribute or value; or the method's latent has no prior.
        """
        wanted = self.schema.wanted({**(changes or {}), **attributes})
        if self.config.recipe.prior is None:
            cannot = f"Method {self.config.method} cannot draw new images: its latent has no prior."
            raise UsageError(cannot, "Edit images instead.")
        shape = latent_shape(self.decoder, self.config.recipe.latent_dim)
        z = noise(seed, 0, "sample/z", (n, *shape)).to(self.device)
        uniform = torch.special.ndtr(noise(seed, 0, "sample/attributes", (n, len(self.schema))))
        sizes = torch.tensor([len(a.values) for a in self.schema])
        attrs = self.schema.encode((uniform * sizes).long().clamp(max=sizes - 1)).to(self.device)
        images = self.decode(z, self.changed(attrs, wanted, 1.0), None)
        return write([Picture(to_bytes(a)) for a in _arrays(images)], True, output)

    # --- for programs: tensors in, tensors out ----------------------------------------------------------------------

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Code:
        """Images (B, C, H, W) in [0, 1] of the model's size to a code."""
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        if self.classifier is None:
            code: Code = self.encoder(images, None)
            return code if code.attrs is None else code._replace(labels=self._labels(code.attrs))
        attrs = self.classifier(images).attrs
        if attrs is None:
            raise UsageError(f"The {self.config.recipe.predictor} of method {self.config.method} has no label head.")
        labels = self._labels(attrs)
        code = self.encoder(images, labels)
        return code._replace(attrs=attrs, labels=labels)

    def latent(self, code: Code) -> Tensor:
        """The latent that edits start from: the mean, or a (fixed) sample where the recipe says so."""
        if self.config.recipe.edit_from == "mean" or code.logvar is None:
            return code.mean
        eps = noise(self.config.seed, 0, "edit", tuple(code.mean.shape)).to(self.device)
        return code.mean + (0.5 * code.logvar).exp() * eps

    def probabilities(self, code: Code) -> Tensor:
        """(B, A) predicted probabilities.

        Raises:
            UsageError: the method predicts none.
        """
        if code.attrs is None:
            raise UsageError(f"Method {self.config.method} predicts no attributes.")
        return self.schema.probabilities(code.attrs)

    def attributes_of(self, code: Code) -> Tensor:
        """(B, A) what the decoder is told of the unedited image: the predicted labels, as hard as in training.

        Raises:
            UsageError: the method predicts none.
        """
        if code.labels is None:
            raise UsageError(f"Method {self.config.method} predicts no attributes.")
        return code.labels

    def changed(self, attrs: Tensor, wanted: Mapping[int, list[float]], strength: float) -> Tensor:
        """(B, A) with some attributes moved towards wanted columns (see `AttributeSchema.wanted`)."""
        attrs = attrs.clone()
        for i, columns in wanted.items():
            where = self.schema.columns[i]
            target = torch.tensor(columns, device=attrs.device)
            attrs[:, where] += strength * (target - attrs[:, where])
        return attrs

    @torch.inference_mode()
    def decode(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        """Latents (B, Z) and attributes (B, A) to images (B, C, H, W) in [0, 1]."""
        return torch.sigmoid(self.decoder(z, attrs, code))

    def composite(self, images: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Blend decoded edits into images of the model's own size, all (B, C, H, W); see `composite.py`."""
        return blend_batch(images.to(self.device), before, after)

    # --- between the two --------------------------------------------------------------------------------------------

    def _labels(self, attrs: Tensor) -> Tensor:
        """(B, A) logits to what the networks are told."""
        soft = self.schema.probabilities(attrs)
        return soft if self.config.recipe.decode_with == "predicted" else self.schema.encode(self.schema.decode(soft))

    def _read(self, images: Any, box: Any) -> tuple[list[Picture], bool]:
        """Pictures with their boxes, and whether there were many."""
        pictures, many = read(images)
        return placed(pictures, box, many, self.geometry.crop), many

    def _tensor(self, pictures: Sequence[Picture]) -> Tensor:
        """Pictures cropped and resized as in training: (B, C, H, W) in [0, 1]."""
        arrays = [np.asarray(self.geometry.apply(p.pil, p.box)) for p in pictures]
        stacked = np.stack([a[..., None] if a.ndim == 2 else a for a in arrays])
        return torch.from_numpy(as_float(stacked)).permute(0, 3, 1, 2)

    def _blend(self, picture: Picture, before: np.ndarray, after: np.ndarray) -> Picture:
        """The decoded change within the picture's own pixels, at its own resolution."""
        height, width, _ = picture.pixels.shape
        whole = blend(as_float(picture.pixels), before, after, self.geometry.frame(width, height, picture.box))
        return Picture(as_dtype(whole, picture.pixels), picture.alpha)


def _ready(network: nn.Module, device: torch.device) -> nn.Module:
    """On the device, for inference."""
    return network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload, no-any-return]


def _chunks(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    for i in range(0, len(pictures), _CHUNK):
        yield pictures[i : i + _CHUNK]


def _arrays(images: Tensor) -> np.ndarray:
    """(B, C, H, W) tensor to (B, H, W, C) array."""
    return np.asarray(images.permute(0, 2, 3, 1).cpu())
