"""From a recipe to players: the parts that they train, their terms and optimisers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.errors import UsageError, nearest
from attredit.networks import NetworkSizes, build_parts
from attredit.plugin.calling import call, check, naming
from attredit.plugin.registry import Registry
from attredit.recipe import Optimizer, Player, Recipe, Term, at_step
from attredit.training.view import BatchView

TermCall = Callable[[BatchView], Tensor]


_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}
_FUSED = ("adam", "adamw", "sgd")  # one pass over the weights instead of one for every operation


@dataclass
class ActivePlayer:
    """A player with its built terms and optimiser."""

    name: str
    spec: Player
    terms: dict[str, TermCall]
    parameters: dict[str, list[nn.Parameter]]
    optimizer: torch.optim.Optimizer

    def groups(self, step: int, total: int) -> list[tuple[list[nn.Parameter], dict[str, float]]]:
        """One backward pass each: parameters, and the weighted terms whose gradient reaches them at this step.

        Terms without `only` share the first pass; each distinct `only` costs one more, which accumulates. What is due
        only every so many steps weighs as many times as much.
        """
        groups: dict[tuple[str, ...], dict[str, float]] = {}
        for name, term in self.spec.terms.items():
            weight = at_step(term.weight, step, total) * term.every
            if weight != 0 and (step + 1) % term.every == 0:
                groups.setdefault(term.only or self.spec.trains, {})[name] = weight
        return [([w for part in reach for w in self.parameters[part]], terms) for reach, terms in groups.items()]

    def value(self, term: str, view: BatchView) -> Tensor:
        """() one of its terms, unweighted."""
        with naming(f"term {self.spec.terms[term].use or term}"):
            return self.terms[term](view).float()

    @property
    def flat(self) -> list[nn.Parameter]:
        """All parameters of this player, in a fixed order."""
        return [w for group in self.parameters.values() for w in group]


def play(view: BatchView, players: Iterable[ActivePlayer], total: int) -> dict[str, Tensor]:
    """Every loss of some players on one graph, then every backward pass on it; gradients are left in parameters.

    Args:
        view: The step.
        players: Those who play.
        total: Steps of the whole run, which schedules stretch over.

    Returns:
        Every term's unweighted value by ``player/term``, detached, of this process's share.
    """
    values: dict[str, Tensor] = {}
    passes: list[tuple[Tensor, list[nn.Parameter]]] = []
    for player in players:
        player.optimizer.zero_grad(set_to_none=True)
        for parameters, weights in player.groups(view.step, total):
            terms = {name: player.value(name, view) for name in weights}
            loss = torch.stack([weights[n] * terms[n] for n in weights]).sum()
            values |= {f"{player.name}/{n}": t.detach() for n, t in terms.items()}
            if loss.requires_grad:
                passes.append((loss, parameters))
    for i, (loss, parameters) in enumerate(passes):
        torch.autograd.backward(loss, inputs=parameters, retain_graph=i + 1 < len(passes))
    return values


@dataclass
class Built:
    """Everything a recipe describes, alive; and what its parts are called."""

    parts: nn.ModuleDict
    players: list[ActivePlayer]
    called: dict[str, str] = field(default_factory=dict)

    def initialize(self, images: Tensor) -> None:
        """Networks that start from images (N, C, H, W) in [0, 1], or another's weights; see `networks.py`."""
        for name, part in self.parts.items():
            if hasattr(part, "initialize"):
                with naming(self.called.get(name, name)):
                    part.initialize(images)  # type: ignore[operator]

    def stateful_terms(self) -> Iterator[tuple[str, nn.Module]]:
        """Terms that keep state, by ``player.term``."""
        for player in self.players:
            for name, term in player.terms.items():
                if isinstance(term, nn.Module):
                    yield f"{player.name}.{name}", term


def build(registry: Registry, recipe: Recipe, schema: AttributeSchema, *, channels: int, image_size: int) -> Built:
    """Networks of a recipe, on the CPU, initialised from torch's current seed, with their players.

    Raises:
        UsageError: an unknown component, part, term or option.
    """
    sizes = NetworkSizes(channels, image_size, recipe.latent_dim, schema, style_dim=recipe.style_dim)
    parts = nn.ModuleDict(build_parts(registry, recipe, recipe.parts, sizes))
    for required in recipe.edits_with:
        if required not in parts:
            raise UsageError(f"The recipe has no part {required!r}.", "Name a method that extends a complete one.")
    if recipe.kind_of(recipe.predictor) not in ("encoder", "discriminator"):
        raise UsageError(f"predictor is {recipe.predictor!r}.", "Name the encoder, or a part that is a classifier.")
    return Built(parts, list(_players(registry, recipe, parts)), recipe.called)


def build_optimizer(spec: Optimizer, parameters: list[nn.Parameter], where: str) -> torch.optim.Optimizer:
    """A torch optimiser.

    Raises:
        UsageError: an option that it does not have.
    """
    lr = at_step(spec.lr, 0, 1)
    make = getattr(torch.optim, _OPTIMIZERS[spec.name])
    options = {"fused": True, **spec.options} if spec.name in _FUSED else spec.options
    optimizer = call(functools.partial(make, parameters, lr=lr), f"{where}.optimizer.options", options)
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def _players(registry: Registry, recipe: Recipe, parts: nn.ModuleDict) -> Iterator[ActivePlayer]:
    """Players with something to train; a factorizer without a network leaves its player with nothing."""
    owner: dict[str, str] = {}
    for name, spec in recipe.players.items():
        for part in spec.trains:
            if part not in parts:
                raise UsageError(f"Player {name} trains {part!r}, which the recipe lacks.", nearest(part, parts))
            if owner.setdefault(part, name) != name:
                raise UsageError(f"Part {part!r} is trained by both {owner[part]} and {name}.", "Let one of them.")
        parameters = {p: [w for w in parts[p].parameters() if w.requires_grad] for p in spec.trains}
        flat = [w for group in parameters.values() for w in group]
        if flat:
            where = f"players.{name}"
            terms = {t: _term(registry, t, term, spec, where) for t, term in spec.terms.items()}
            yield ActivePlayer(name, spec, terms, parameters, build_optimizer(spec.optimizer, flat, where))


def _term(registry: Registry, name: str, term: Term, player: Player, where: str) -> TermCall:
    """A term as a function of the view, its options checked now rather than at the first step."""
    for part in term.only:
        if part not in player.trains:
            raise UsageError(f"{where}.terms.{name}.only names {part!r}.", nearest(part, player.trains))
    make = registry.find("term", term.use or name).load()
    if inspect.isclass(make):
        made: TermCall = call(make, f"{where}.terms.{name}.options", term.options, f"term {term.use or name}")
        return made
    check(make, f"{where}.terms.{name}.options", term.options, skip=1)
    return functools.partial(make, **term.options)
