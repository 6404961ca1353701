"""Components built alone: of what sizes, from what seed, and on what input."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from attredit.attributes import Attribute, AttributeSchema
from attredit.build import Geometry, build_part, kind_of_part
from attredit.errors import UsageError
from attredit.interfaces import Code
from attredit.recipe import Part, presets_of, resolve
from attredit.registry import Component, Registry
from attredit.testing.report import Broken

ONE = AttributeSchema.of_binary(["Left"])
THREE = AttributeSchema.of_binary(["Left", "Right", "Below"])
MIXED = AttributeSchema((Attribute("Left"), Attribute("Below", ("dark", "grey", "light"))))
SIZES = (32, 64, 16, 48, 128)
LATENT = 8


def geometry(size: int = 32, channels: int = 3, schema: AttributeSchema = ONE, latent_dim: int = LATENT) -> Geometry:
    """What a network is told of the data."""
    return Geometry(channels, size, latent_dim, schema.width)


def described(of: Geometry) -> str:
    """A geometry in words, for messages."""
    return f"image_size={of.image_size}, channels={of.channels}, latent_dim={of.latent_dim}, attr_dim={of.attr_dim}"


def built(registry: Registry, component: Component, of: Geometry, seed: int = 0) -> nn.Module:
    """A component, initialised from a seed, with its default options.

    Raises:
        UsageError: it cannot be built for this geometry.
    """
    part = Part(use=component.id, options=options_of(registry, component))
    name = component.kind if kind_of_part(component.kind) == component.kind else "discriminator"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_part(registry, name, part, of)


def options_of(registry: Registry, component: Component) -> dict[str, Any]:
    """None; or, of a component that cannot do without, those that a registered method gives it."""
    parameters = inspect.signature(component.load()).parameters.values()
    free = {"channels", "image_size", "latent_dim", "attr_dim"}
    needed = {p.name for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY} - free
    if not needed:
        return {}
    for method in registry.components("method"):
        for preset in presets_of(method):
            for name, part in resolve(registry, method.id, preset).parts.items():
                used = registry.find(kind_of_part(name), part.use)
                if used == component and needed <= set(part.options):
                    return dict(part.options)
    return {}


def geometries(registry: Registry, component: Component) -> Iterator[Geometry]:
    """Those that a component is checked at: every size that it takes; at the first, also other channels and attributes.

    Raises:
        Broken: it takes no size.
    """
    taken, refused = [], ""
    for size in SIZES:
        try:
            built(registry, component, geometry(size))
            taken.append(size)
        except UsageError as error:
            refused = str(error)
    if not taken:
        raise Broken(f"one of the image sizes {', '.join(map(str, SIZES))} to work", f"it takes none: {refused}")
    yield from (geometry(size) for size in taken)
    yield geometry(taken[0], channels=1)
    yield geometry(taken[0], schema=THREE)
    yield geometry(taken[0], schema=MIXED, latent_dim=LATENT + 3)


def images(of: Geometry, n: int = 4, seed: int = 0) -> Tensor:
    """(n, C, H, W) in [0, 1]."""
    return torch.rand(n, of.channels, of.image_size, of.image_size, generator=_generator(seed))


def attrs(of: Geometry, n: int = 4, seed: int = 1) -> Tensor:
    """(n, A) of zeros and ones, both in every column."""
    return ((torch.arange(n)[:, None] + torch.arange(of.attr_dim)) % 2).float()


def vectors(of: Geometry, n: int = 4, seed: int = 2) -> Code:
    """A code whose latent is (n, Z)."""
    mean = torch.randn(n, of.latent_dim, generator=_generator(seed))
    return Code(mean, torch.zeros_like(mean), attrs(of, n), (), attrs(of, n))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
