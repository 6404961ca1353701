"""One step of a recipe by the code that trains, for tests that hold it against literal equations."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.editing.model import Model
from attredit.plugin.registry import installed
from attredit.recipe import Recipe, presets_of, resolve
from attredit.rows import Slice
from attredit.training import players
from attredit.training.players import Built, build
from attredit.training.view import BatchView

B, SIZE, Z, SEED = 6, 32, 8, 7
METHODS = [(c.name, preset) for c in installed().components("method") for preset in presets_of(c)]
NARROW = {"width": 4, "hidden": 16, "components": 8}
SCHEMA = AttributeSchema.of_binary(["Smiling", "Male"])


def narrow(method: str, preset: str) -> dict[str, Any]:
    """Overrides that make every part of a method as small as its options allow."""
    recipe, found = resolve(installed(), method, preset), {"latent_dim": 8}
    for name, part in recipe.parts.items():
        known = inspect.signature(installed().load(recipe.kind_of(name), part.use)).parameters
        found |= {
            f"parts.{name}.options.{k}": v
            for k, v in NARROW.items()
            if k in known and (k != "hidden" or part.options.get(k))
        }
    return found


def recipe_of(method: str, preset: str, **widths: Any) -> Recipe:
    return resolve(installed(), method, preset, {"latent_dim": Z, **widths})


def built_of(recipe: Recipe) -> Built:
    torch.manual_seed(0)
    return build(installed(), recipe, SCHEMA, channels=3, image_size=SIZE)


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    # The first two rows have each value of each attribute.
    labels = torch.randint(0, 2, (B, 2), generator=generator)
    labels[:2] = torch.tensor([[0, 1], [1, 0]])
    return torch.rand(B, 3, SIZE, SIZE, generator=generator), labels


def view_of(recipe: Recipe, parts: nn.ModuleDict, step: int) -> BatchView:
    images, labels = batch(step)
    return BatchView(Model.of(recipe, parts, SCHEMA), images, labels, rows=Slice(0, B, B), seed=SEED, step=step)


@dataclass
class Step:
    """Unweighted terms by player and name, and the gradient of every part's parameters."""

    terms: dict[str, Tensor]
    gradients: dict[str, list[Tensor | None]]


def play(recipe: Recipe, built: Built, step: int) -> Step:
    built.parts.zero_grad(set_to_none=True)
    terms = players.play(view_of(recipe, built.parts, step), built.players, 1000)
    gradients = {
        n: [None if w.grad is None else w.grad.clone() for w in part.parameters()] for n, part in built.parts.items()
    }
    return Step(terms, gradients)


def compare(
    step: Step, terms: dict[str, Tensor], losses: dict[str, Tensor], parts: nn.ModuleDict, rtol: float = 2e-3
) -> None:
    """Terms by value, and for every part the gradient of the loss that it minimises.

    Args:
        step: Ours.
        terms: Literal terms by ``player/name``: all of them.
        losses: Literal losses by part.
        parts: The literal side's own networks.
        rtol: Of gradients.
    """
    assert set(step.terms) == set(terms)
    for name, value in terms.items():
        torch.testing.assert_close(
            step.terms[name], value.detach(), rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}"
        )
    for part, loss in losses.items():
        theirs = torch.autograd.grad(loss, list(parts[part].parameters()), retain_graph=True, allow_unused=True)
        assert len(theirs) == len(step.gradients[part])
        for mine, wanted in zip(step.gradients[part], theirs, strict=True):
            assert (mine is None) == (wanted is None), part
            if wanted is not None:
                torch.testing.assert_close(mine, wanted, rtol=rtol, atol=1e-5 * float(wanted.abs().max() + 1e-2))
