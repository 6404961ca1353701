"""Trainings of networks as narrow as they can be: for tests of what is typed or written, not of what is learnt."""

from __future__ import annotations

import inspect

from attredit.plugin.registry import installed
from attredit.recipe import resolve
from attredit.request import Request

WIDTHS = {part: f"parts.{part}.options.width" for part in ("encoder", "decoder")}


def narrow(request: Request) -> Request:
    """The same training, with four channels where a network says that it has a width."""
    registry = installed()
    recipe = resolve(registry, request.method, request.preset, request.overrides)
    networks = {key: registry.load(part, recipe.parts[part].use) for part, key in WIDTHS.items()}
    widths = {key: 4 for key, network in networks.items() if "width" in inspect.signature(network).parameters}
    return request.replaced(overrides={**request.overrides, **widths})
