"""A trained model as its users see it: pictures in, pictures out. What is done with tensors is `model.py`'s."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import Attribute
from attredit.data.pixels import to_bytes
from attredit.devices import device_of
from attredit.editing.blending import blend
from attredit.editing.frames import placed, subjects
from attredit.editing.images import Output, Picture, as_dtype, as_float, read, under, write
from attredit.editing.model import Edit, Model, moved
from attredit.editing.sharpening import Sharpener, sharpener_among
from attredit.errors import Unchanged, UsageError
from attredit.files import below, load_into, read_tensors
from attredit.framing.network import FrameNetwork
from attredit.framing.search import Found
from attredit.html import beside, html_of, png_of
from attredit.networks import Code, NetworkSizes, build_parts
from attredit.plugin.registry import installed
from attredit.rows import noise
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of

Mode = Literal["composite", "decoded"]
_NOTHING: Mapping[str, Any] = {}

SWEEP = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
"""Values of a binary attribute, from less to more than either."""

_CHUNK = 128
_SHOWN = 6


def load(run_dir: str | os.PathLike[str], device: str | None = None) -> Editor:
    """The editor of a finished (or interrupted) run.

    Args:
        run_dir: What `attredit train` wrote, or the name of a model that comes with attredit.
        device: Where to compute, such as cpu, cuda or cuda:1; the best there is when None.

    Raises:
        UsageError: this machine has no such device.
        RunError: the directory is no run, or its files are damaged.
        PluginError: a part's plugin is not installed.
    """
    where, run, registry = device_of(device), RunDirectory(directory_of(run_dir)), installed()
    config = run.config()
    recipe = config.recipe
    run.check_plugins(registry, config, recipe.edits_with)
    tensors, _ = read_tensors(run.model_file)
    sizes = NetworkSizes(
        config.channels, config.image_size, recipe.latent_dim, config.schema_, style_dim=recipe.style_dim
    )
    parts = build_parts(registry, recipe, recipe.edits_with, sizes)
    for name, part in parts.items():
        load_into(part, below(name, tensors), run.model_file)
    frame = FrameNetwork(config.channels) if config.frame else None
    if frame is not None:
        load_into(frame, below("frame", tensors), run.model_file)
    model = Model.of(recipe, parts, config.schema_, config.request.seed)
    load_into(model.known, below("known", tensors), run.model_file)
    sharpener = sharpener_among(tensors, config.channels, config.schema_.width, run.model_file)
    return Editor(config, model, frame, sharpener).to(where)


class Editor:
    """Edits pictures with a trained model.

    Images may be a path, a PIL image, a NumPy array (H, W, C) or (B, H, W, C), a tensor (C, H, W) or (B, C, H, W), or
    a list of these; any size and mode. What comes back is PIL images, arrays or tensors, as `output` says; one for one
    image, a list or batch for many. The source's labels are never asked for: they are predicted.

    `box` says what the model's square is to be around: left, top, width and height, in pixels of the image as it is
    shown; of many images a list with one for each, None where it is not said. Where it is not, the run's frame network
    looks for it (`boxes` tells where it is, and may be given as `box`); a run that has none takes its crop's square.

    Args:
        config: The run's configuration.
        model: The networks; they are made ready for inference.
        frame: Finds the frame in pictures; None where it lies as the crop says.
        sharpener: Draws edits finer than the model does; None where there is none.

    Attributes:
        model: For programs: tensors in, tensors out.
        schema: What can be edited.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        frame: FrameNetwork | None = None,
        sharpener: Sharpener | None = None,
    ) -> None:
        self.config, self.model, self.sharpener = config, model.eval().requires_grad_(False), sharpener
        self.frame = None if frame is None else frame.eval().requires_grad_(False)
        self.schema, self.geometry = config.schema_, config.geometry

    def to(self, device: str | torch.device) -> Editor:
        """This editor, computing there.

        Raises:
            UsageError: this machine has no such device.
        """
        where = device_of(device) if isinstance(device, str) else device
        self.model.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.sharpener is not None:
            self.sharpener.to(where)
        return self

    def edit(
        self,
        images: Any,
        changes: Mapping[str, Any] | None = None,
        *,
        box: Any = None,
        strength: float = 1.0,
        given: Mapping[str, Any] | None = None,
        style: int | Mapping[str, int] | None = None,
        styles: int | None = None,
        like: Any = None,
        mode: Mode = "composite",
        output: Output = "pil",
        **attributes: Any,
    ) -> Any:
        """Change attributes: ``editor.edit("photo.png", Smiling=1)``.

        An image is taken not to have what is asked for, unless the model is sure that it has. Then it is left as it
        is, and an `Unchanged` warning says so.

        Args:
            images: One image or many.
            changes: Attributes and wanted values; the same as keyword arguments, for names that are no identifiers.
                Binary values may lie between 0 and 1, and beyond.
            box: See the class.
            strength: How far to go from the value that an image has to the wanted one; 0 changes nothing, 1 all, 2
                exaggerates.
            given: What the images have, as you know better: ``given={"Smiling": 0}``.
            style: Which of the model's styles the changed attributes take, from 1: the third pair of glasses. A
                number for each, where they shall differ: ``style={"Eyeglasses": 3}``.
            styles: So many of them, one after the other: of each image a list (or batch) of edits.
            like: An image whose style of the changed attributes is taken over: its glasses.
            mode: "composite" keeps the image's own pixels and resolution outside the edited region; "decoded" is the
                paper's: the decoder's output, at the model's resolution.
            output: "pil", "numpy" or "tensor".
            **attributes: See `changes`.

        Raises:
            UsageError: an unknown attribute, value, mode or output, an endless strength, no image, no box, or a style
                that there is not.
            DataError: a file that is no image, a box outside its image, or an image that shows nothing like those of
                training.
        """
        if sum(wanted is not None for wanted in (style, styles, like)) > 1:
            raise UsageError("More than one of style, styles and like is given.", "Give one.")
        if styles is not None and styles < 1:
            raise UsageError(f"{styles} styles are none.", "Ask for one or more.")
        if not math.isfinite(strength):
            raise UsageError(f"A strength of {strength} is none.", "0 changes nothing, 1 goes all the way.")
        asked, told = self.schema.asked({**(changes or {}), **attributes}), self.schema.asked(given or {})
        other = None if like is None else self._tensor(self._read(like, None)[0])

        def edits(code: Code) -> list[Edit]:
            own = None if other is None else self.model.encode(other)
            usual = self.model.usual(code, asked, given=told)
            how = partial(self.model.edit, code, asked, strength=strength, given=told, like=own, usual=usual)
            return [how(style=number) for number in (range(1, styles + 1) if styles else (style,))]

        edited, many = self._edited(images, box, edits, mode, asked if strength else {})
        if styles is None:
            return write([one for [one] in edited], many, output)
        strips = [write(strip, True, output) for strip in edited]
        return strips if many else strips[0]

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
        """Frames of one attribute's values: a list (or batch) for one image, a list of those for many.

        Args:
            images: One image or many.
            attribute: Which.
            values: Its values; when None, from less to more of a binary attribute, all of a categorical one.
            box: See the class.
            mode: As for `edit`.
            output: As for `edit`.

        Raises:
            UsageError, DataError: as `edit`.
        """
        chosen = values_of(self.schema.attributes[self.schema.index(attribute)]) if values is None else values
        asked = [self.schema.asked({attribute: value}) for value in chosen]

        def frames(code: Code) -> list[Edit]:
            own = self.model.decode(code)
            edited = [(self.model.decode(code, changes), self.model.changed(code, changes)) for changes in asked]
            return [self.model.compared(own, images, attrs) for images, attrs in edited]

        edited, many = self._edited(images, box, frames, mode)
        strips = [write(frames, True, output) for frames in edited]
        return strips if many else strips[0]

    def predict(self, images: Any, *, box: Any = None) -> Any:
        """Probabilities of attributes: ``{"Smiling": 0.97}``; for a categorical one, a dictionary by value's name."""
        pictures, many = self._read(images, box)
        with torch.inference_mode():
            codes = [self.model.encode(self._tensor(chunk)) for chunk in _chunks(pictures)]
            rows = [row for code in codes for row in self.model.probabilities(code).tolist()]
        named = [self.schema.named(row) for row in rows]
        return named if many else named[0]

    def reconstruct(self, images: Any, *, box: Any = None, output: Output = "pil") -> Any:
        """Encode and decode with the predicted attributes, at the model's resolution."""
        edited, many = self._edited(images, box, self._plain, "decoded")
        return write([one for [one] in edited], many, output)

    def boxes(self, images: Any, box: Any = None) -> list[Found]:
        """Where the square of each image lies, and how sure that is; each can be given as `box`.

        Raises:
            UsageError, DataError: as `edit`, of images and boxes.
        """
        return [_found(picture) for picture in self._read(images, box)[0]]

    def subjects(self, image: Any) -> list[Found]:
        """All places of one image that show what the training images show, the surest first; each may be a `box`.

        Raises:
            UsageError: several images.
            DataError: as `edit`.
        """
        [picture, *others], _ = read(image, self.geometry.white)
        if others:
            raise UsageError(f"Subjects are looked for in one image, not in {len(others) + 1}.", "Give one by one.")
        return self.boxes(image) if self.frame is None else subjects(picture, self.geometry, self.frame)

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
        if self.config.recipe.prior is None:
            cannot = f"Method {self.config.request.method_name} cannot draw new images: its latent has no prior."
            raise UsageError(cannot, "Edit images instead.")
        model = self.model
        z = noise(seed, 0, "sample/z", (n, *model.latent_shape))
        uniform = torch.special.ndtr(noise(seed, 0, "sample/attributes", (n, len(self.schema))))
        sizes = torch.tensor([len(a.values) for a in self.schema])
        attrs = self.schema.encode((uniform * sizes).long().clamp(max=sizes - 1))
        attrs = moved(self.schema, attrs, self.schema.asked({**(changes or {}), **attributes}))
        with torch.inference_mode():
            drawn = model.draw(z.to(model.device), attrs.to(model.device), None)
        return write([Picture(to_bytes(array)) for array in _arrays(drawn)], True, output)

    def _repr_html_(self) -> str:
        """What a notebook shows: what it edits, and some samples where there is a prior to draw them from."""
        request, config = self.config.request, self.config
        facts = {
            "method": f"{request.method_name}, preset {request.preset}",
            "trained on": f"{request.dataset_name}, {config.data.images:,} images",
            "pixels": f"{config.image_size}x{config.image_size}",
            "computes on": self.model.device,
            **{attribute.name: ", ".join(attribute.values) for attribute in self.schema},
        }
        drawn = {} if config.recipe.prior is None else {"Drawn from the prior": png_of(beside(self.sample(_SHOWN)))}
        return html_of("Editor", facts, pictures=drawn)

    # --- how it is done ---------------------------------------------------------------------------------------------

    def _edited(
        self,
        images: Any,
        box: Any,
        edits: Callable[[Code], list[Edit]],
        mode: Mode,
        asked: Mapping[str, Any] = _NOTHING,
    ) -> tuple[list[list[Picture]], bool]:
        """Of each picture its edits, and whether there were many; where nothing changes that was asked for, it is said.

        Raises:
            UsageError: an unknown attribute, value, mode or style.
        """
        if mode not in ("composite", "decoded"):
            raise UsageError(f"Unknown mode {mode!r}.", "Use composite or decoded.")
        (pictures, many), edited = self._read(images, box), list[list[Picture]]()
        for chunk in _chunks(pictures):
            with torch.inference_mode():
                decoded = [[_arrays(part) for part in edit] for edit in edits(self.model.encode(self._tensor(chunk)))]
            for i, picture in enumerate(chunk):
                done = [self._done(picture, mode, *(part[i] for part in parts)) for parts in decoded]
                same = [np.array_equal(old[i], new[i]) for old, new, *_ in decoded]
                if asked and all(one is picture for one in done):
                    _say_unchanged(
                        picture.name or (f"Image {len(edited)}" if many else "The image"), asked, has=all(same)
                    )
                edited.append(done)
        return edited, many

    def _plain(self, code: Code) -> list[Edit]:
        """What the decoder makes of images that are not edited."""
        same = self.model.decode(code)
        assert code.labels is not None
        return [self.model.compared(same, same, code.labels)]

    def _done(self, picture: Picture, mode: Mode, *edit: np.ndarray) -> Picture:
        """A picture's edit, at its own resolution; the picture itself where that changes nothing."""
        before, after, change, attrs = edit
        if mode == "decoded":
            same = after.shape[-1] == picture.pixels.shape[-1]  # a profile of colours says nothing of greys
            return Picture(to_bytes(after), profile=picture.profile if same else None)
        networks = self.model.compositor, attrs, self.sharpener
        whole = blend(picture.seen, before, after, change, _found(picture).frame, *networks)
        pixels = as_dtype(under(picture, whole), picture.pixels)
        edited = Picture(pixels, picture.alpha, profile=picture.profile)
        return picture if np.array_equal(edited.pixels, picture.pixels) else edited

    def _read(self, images: Any, box: Any) -> tuple[list[Picture], bool]:
        """Pictures with their boxes, and whether there were many."""
        pictures, many = read(images, self.geometry.white)
        return placed(pictures, box, many, self.geometry, self.frame), many

    def _tensor(self, pictures: Sequence[Picture]) -> Tensor:
        """Pictures cropped and resized as in training: (B, C, H, W) in [0, 1]."""
        arrays = [np.asarray(self.geometry.apply(p.pil, _found(p).frame)) for p in pictures]
        stacked = np.stack([a[..., None] if a.ndim == 2 else a for a in arrays])
        return torch.from_numpy(as_float(stacked)).permute(0, 3, 1, 2)


def _found(picture: Picture) -> Found:
    """Where the square of a picture lies, which `_read` has settled."""
    assert picture.found is not None
    return picture.found


def values_of(attribute: Attribute) -> tuple[float, ...] | tuple[str, ...]:
    """What a sweep shows of an attribute unless it is told."""
    return SWEEP if attribute.binary and not attribute.numbered else attribute.values


def _say_unchanged(name: str, asked: Mapping[str, Any], *, has: bool) -> None:
    """That a request changes nothing, and what may be done about it."""
    words = ", ".join(f"{key}={value}" for key, value in asked.items())
    said = (
        f"{name} is left as it is: it has {words} already, as the model reads it. If it has not, say what is given."
        if has
        else f"{name} is left as it is: the model changes too little to show {words}. Ask for more strength."
    )
    warnings.warn(said, Unchanged, stacklevel=4)


def _chunks(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    for i in range(0, len(pictures), _CHUNK):
        yield pictures[i : i + _CHUNK]


def _arrays(images: Tensor) -> np.ndarray:
    """(B, C, H, W) tensor to (B, H, W, C) array; what is no image, as it is."""
    return np.asarray((images.permute(0, 2, 3, 1) if images.dim() == 4 else images).cpu())
