"""Components built alone: of what sizes, from what seed, and on what input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from attredit.attributes import Attribute, AttributeSchema
from attredit.devices import seeded
from attredit.errors import AttrEditError, UsageError
from attredit.networks import Code, NetworkSizes, build_part
from attredit.plugin.registry import Component, Registry
from attredit.recipe import Part, Recipe, components_of, presets_of, resolve
from attredit.testing.report import Broken
from attredit.testing.workshop import Subject
from attredit.training.players import Built, build
from attredit.training.trainer import Trainer

T = TypeVar("T")

DATASET = "core/conformance"
ONE = AttributeSchema.of_binary(["Left"])
THREE = AttributeSchema.of_binary(["Left", "Right", "Below"])
MIXED = AttributeSchema((Attribute("Left"), Attribute("Below", ("dark", "grey", "light"))))
SIZES = (32, 64, 16, 48)
LARGE = (128, 224, 256)
ALL_SIZES = (*SIZES, *LARGE)
LATENT = 8


def geometry(
    size: int = 32,
    channels: int = 3,
    schema: AttributeSchema = ONE,
    latent_dim: int = LATENT,
    style_dim: int = 0,
) -> NetworkSizes:
    """What a network is told of the data."""
    return NetworkSizes(channels, size, latent_dim, schema, style_dim=style_dim)


def described(of: NetworkSizes) -> str:
    """A geometry in words, for messages."""
    styles = f", style_dim={of.style_dim}" if of.style_dim else ""
    sizes = f"image_size={of.image_size}, channels={of.channels}, latent_dim={of.latent_dim}{styles}"
    return f"{sizes}, attr_dim={of.attr_dim}"


def built(subject: Subject, component: Component, of: NetworkSizes, seed: int = 0) -> nn.Module:
    """A component, initialised from a seed, with its default options.

    Raises:
        UsageError: it cannot be built for this geometry.
    """
    part = Part(use=component.id, kind=component.kind, options=options_of(subject, component))
    if component.kind == "decoder" and (encoder := mate(subject, component)) is not None:
        skips: Any = built(subject, encoder, of).skip_channels
        of = replace(of, skip_channels=tuple(skips))
    with seeded(seed):
        return build_part(subject.registry, Recipe(parts={"it": part}), "it", of)


def mate(subject: Subject, decoder: Component) -> Component | None:
    """An encoder with skips, for a decoder that asks for their channels; of the decoder's own plugin if it has one."""
    return subject.place.once(f"mate of {decoder.id}", lambda: _mate(subject, decoder))


def whole(
    subject: Subject, recipe: Recipe, size: int, schema: AttributeSchema = ONE, channels: int = 3, seed: int = 0
) -> Built:
    """Everything that a recipe describes, initialised from a seed.

    Raises:
        UsageError: it cannot be built at this size.
    """
    with seeded(seed):
        return build(subject.registry, recipe, schema, channels=channels, image_size=size)


def at_first_size(make: Callable[[int], T]) -> T:
    """What a function makes at the first image size that is not refused.

    Raises:
        UsageError: why the first is refused, where all are.
    """
    refused: UsageError | None = None
    for size in ALL_SIZES:
        try:
            return make(size)
        except UsageError as error:
            refused = refused or error
    assert refused is not None, "there are sizes"
    raise refused


def take_steps(trainer: Trainer, count: int, whose: str) -> None:
    """Train some steps.

    Raises:
        Broken: a term is not finite.
    """
    for step in range(count):
        endless = [name for name, value in trainer.step(step).items() if not bool(value.isfinite().all())]
        if endless:
            raise Broken(f"terms of {whose} that are finite", f"{', '.join(endless)} at step {step}")


def every_recipe(subject: Subject) -> list[tuple[Component, str, Recipe]]:
    """Every registered method's presets, the default first; not those that need a plugin that is not loaded."""
    return subject.place.once("recipes", lambda: list(_recipes(subject.registry)))


def options_of(subject: Subject, component: Component) -> dict[str, Any]:
    """None; or, of a component that cannot do without, those that a registered method gives it."""
    parameters = inspect.signature(component.load()).parameters.values()
    offered = set(geometry().offered)
    needed = {p.name for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY} - offered
    for _, _, recipe in every_recipe(subject) if needed else ():
        for name, part in recipe.parts.items():
            if subject.registry.find(recipe.kind_of(name), part.use) == component and needed <= set(part.options):
                return dict(part.options)
    return {}


def _mate(subject: Subject, decoder: Component) -> Component | None:
    if "skip_channels" not in inspect.signature(decoder.load()).parameters:
        return None
    encoders = subject.registry.components("encoder")
    for encoder in sorted(encoders, key=lambda encoder: encoder.plugin != decoder.plugin):
        try:
            network = at_first_size(partial(_built_at, subject, encoder))
        except AttrEditError:
            continue  # of a plugin that lacks what it needs
        if getattr(network, "skip_channels", ()):
            return encoder
    return None


def _built_at(subject: Subject, component: Component, size: int) -> nn.Module:
    return built(subject, component, geometry(size))


def _recipes(registry: Registry) -> Iterator[tuple[Component, str, Recipe]]:
    for method in registry.components("method"):
        for preset in presets_of(method):
            try:
                recipe = resolve(registry, method.id, preset)
                components_of(registry, recipe, DATASET)
            except AttrEditError:
                continue  # the business of the plugin that it belongs to
            yield method, preset, recipe


def geometries(subject: Subject) -> Iterator[NetworkSizes]:
    """Those that a network is checked at: every size that it takes; at the first, also other channels and attributes.

    Raises:
        Broken: it takes no size.
    """
    taken = subject.place.once(f"sizes of {subject.it.kind} {subject.it.id}", lambda: _sizes(subject))
    yield from (geometry(size) for size in taken)
    yield geometry(taken[0], channels=1)
    yield geometry(taken[0], schema=THREE)
    yield geometry(taken[0], schema=MIXED, latent_dim=LATENT + 3)
    if "style_dim" in inspect.signature(subject.it.load()).parameters:
        yield geometry(taken[0], schema=MIXED, style_dim=2)


def first_geometry(subject: Subject) -> NetworkSizes:
    """The first of them."""
    return next(geometries(subject))


def _sizes(subject: Subject) -> list[int]:
    """The image sizes that a network takes; of the large ones, which are slow, one if there is no other."""
    taken: list[int] = []
    refused = ""
    for size in ALL_SIZES:
        if taken and size in LARGE:
            break
        try:
            _built_at(subject, subject.it, size)
            taken.append(size)
        except UsageError as error:
            refused = str(error)
    if not taken:
        sizes = ", ".join(map(str, ALL_SIZES))
        raise Broken(f"one of the image sizes {sizes} to work", f"it takes none: {refused}")
    return taken


def images(of: NetworkSizes, n: int = 4, seed: int = 0) -> Tensor:
    """(n, C, H, W) in [0, 1]."""
    return torch.rand(n, of.channels, of.image_size, of.image_size, generator=generator(seed))


def attrs(of: NetworkSizes, n: int = 4, seed: int = 1) -> Tensor:
    """(n, A) of zeros and ones, both in every column."""
    return ((torch.arange(n)[:, None] + torch.arange(of.attr_dim)) % 2).float()


def vectors(of: NetworkSizes, n: int = 4, seed: int = 2) -> Code:
    """A code whose latent is (n, Z)."""
    mean = torch.randn(n, of.width, generator=generator(seed))
    return Code(mean, torch.zeros_like(mean), attrs(of, n), (), attrs(of, n))


def generator(seed: int) -> torch.Generator:
    """Random numbers that are the same every time."""
    return torch.Generator().manual_seed(seed)
