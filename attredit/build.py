"""From a recipe to networks, terms and optimisers. The only place that calls components' constructors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.data.geometry import Crop, no_boxes
from attredit.errors import PluginError, UsageError, nearest
from attredit.interfaces import DataSource
from attredit.recipe import Optimizer, Part, Player, Recipe, Term, at_step
from attredit.registry import Component, Registry
from attredit.view import BatchView

TermCall = Callable[[BatchView], Tensor]


_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}
_FUSED = ("adam", "adamw", "sgd")  # one pass over the weights instead of one for every operation

_BOXES = (
    "Tables can have them, in columns x, y, width and height or bbox (--dataset folder:PATH or hf:NAME), and so have "
    "CelebA's images in the wild (--dataset celeba)."
)


@dataclass(frozen=True)
class Geometry:
    """What networks need to know of the data."""

    channels: int
    image_size: int
    latent_dim: int
    attr_dim: int
    skip_channels: tuple[int, ...] = ()


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

    @property
    def flat(self) -> list[nn.Parameter]:
        """All parameters of this player, in a fixed order."""
        return [w for group in self.parameters.values() for w in group]


@dataclass
class Built:
    """Everything a recipe describes, alive."""

    parts: nn.ModuleDict
    players: list[ActivePlayer]

    def initialize(self, images: Tensor) -> None:
        """Networks that start from images (N, C, H, W) in [0, 1], or another's weights; see `attredit.interfaces`."""
        for part in self.parts.values():
            if hasattr(part, "initialize"):
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
    geometry = Geometry(channels, image_size, recipe.latent_dim, schema.width)
    parts = nn.ModuleDict(build_parts(registry, recipe, recipe.parts, geometry))
    for required in recipe.edits_with:
        if required not in parts:
            raise UsageError(f"The recipe has no part {required!r}.", "Name a method that extends a complete one.")
    if kind_of_part(recipe.predictor) not in ("encoder", "discriminator"):
        raise UsageError(f"predictor is {recipe.predictor!r}.", "Name the encoder, or a part that is a classifier.")
    return Built(parts, list(_players(registry, recipe, parts)))


def build_parts(registry: Registry, recipe: Recipe, names: Iterable[str], geometry: Geometry) -> dict[str, nn.Module]:
    """Some parts of a recipe; the encoder first, whose skip connections the decoder is told of.

    Raises:
        UsageError, PluginError: as `build_part` does.
    """
    parts: dict[str, nn.Module] = {}
    for name in sorted(names, key=lambda name: name != "encoder"):
        parts[name] = build_part(registry, name, recipe.parts[name], geometry)
        if name == "encoder":
            geometry = replace(geometry, skip_channels=tuple(getattr(parts[name], "skip_channels", ())))
    return parts


def build_part(registry: Registry, name: str, part: Part, geometry: Geometry) -> nn.Module:
    """One network or strategy of a recipe.

    Raises:
        UsageError: an unknown component or option.
        PluginError: it is no torch module.
    """
    component = registry.find(kind_of_part(name), part.use)
    make = component.load()
    offered = {k: v for k, v in vars(geometry).items() if k in inspect.signature(make).parameters}
    module = _call(make, f"parts.{name}.options", {**offered, **part.options})
    if not isinstance(module, nn.Module):
        raise PluginError(f"{component.kind} {component.id} is a {type(module).__name__}, not a torch.nn.Module.")
    return module


def kind_of_part(name: str) -> str:
    """The kind of component that a part of this name is; any unfamiliar name is a discriminator or classifier."""
    return name if name in ("encoder", "decoder", "factorizer") else "discriminator"


def components_of(registry: Registry, recipe: Recipe, dataset: str) -> dict[str, Component]:
    """What makes a recipe's parts and terms, and the data set, by part, ``term NAME`` and ``data set``.

    Raises:
        UsageError, PluginError: one is unknown or broken.
    """
    found = {name: registry.find(kind_of_part(name), part.use) for name, part in recipe.parts.items()}
    for player in recipe.players.values():
        found |= {f"term {name}": registry.find("term", term.use or name) for name, term in player.terms.items()}
    found["data set"] = registry.find("dataset", dataset)
    return found


def build_optimizer(spec: Optimizer, parameters: list[nn.Parameter], where: str) -> torch.optim.Optimizer:
    """A torch optimiser.

    Raises:
        UsageError: an option that it does not have.
    """
    lr = at_step(spec.lr, 0, 1)
    make = getattr(torch.optim, _OPTIMIZERS[spec.name])
    options = {"fused": True, **spec.options} if spec.name in _FUSED else spec.options
    optimizer = _call(functools.partial(make, parameters, lr=lr), f"{where}.optimizer.options", options)
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
        made: TermCall = _call(make, f"{where}.terms.{name}.options", term.options)
        return made
    _check(make, f"{where}.terms.{name}.options", term.options, skip=1)
    return functools.partial(make, **term.options)


def _call(make: Callable[..., Any], where: str, options: dict[str, Any]) -> Any:
    """Call a constructor with options, naming those that it does not know; what it makes of their values, it says."""
    _check(make, where, options)
    try:
        return make(**options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{where} cannot be used: {reason}.", f"Given: {given or 'none'}.") from error


def _check(make: Callable[..., Any], where: str, options: dict[str, Any], skip: int = 0) -> None:
    signature = inspect.signature(make).parameters
    if any(p.kind is p.VAR_KEYWORD for p in signature.values()):
        return
    known = list(signature)[skip:]
    for option in options:
        if option not in known:
            raise UsageError(f"{where} has no {option!r}.", nearest(option, known))
        allowed = _allowed(make, option)
        if allowed and options[option] not in allowed:
            raise UsageError(f"{where}.{option} is {options[option]!r}.", nearest(str(options[option]), allowed))
    missing = [n for n in known if signature[n].default is inspect.Parameter.empty and n not in options]
    if missing:
        raise UsageError(f"{where} needs {', '.join(missing)}.")


def _allowed(make: Callable[..., Any], option: str) -> tuple[str, ...]:
    """The words that an option may be, where its annotation, a Literal, says so."""
    try:
        hint = get_type_hints(make.__init__ if inspect.isclass(make) else make).get(option)
    except (NameError, TypeError):  # annotations for type checkers alone, or a partial
        return ()
    return get_args(hint) if get_origin(hint) is Literal else ()


def choose_dataset(
    registry: Registry, name: str, data_dir: str | Path | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """``NAME:ARGUMENT`` resolved: the argument is the option that the source names in its class attribute ``argument``.

    Args:
        registry: Where the name is looked up.
        name: A registered data set, alone or with an argument.
        data_dir: Where the data lie, if that is said.
        options: Of the data set.

    Returns:
        ``dataset``, ``data_dir`` and ``data_options``, as a request has them, in this order.

    Raises:
        UsageError: an unknown data set, one that takes no argument, an empty one, or an option that is given twice.
    """
    short, colon, argument = name.partition(":")
    chosen = {"dataset": short, "data_dir": data_dir, "data_options": dict(options)}
    if not colon and not options:
        return chosen
    option = getattr(registry.load("dataset", short), "argument", None)
    if not colon:
        settled = {key: _settled(value) if key == option else value for key, value in options.items()}
        return {**chosen, "data_options": settled}
    if option is None:
        hint = f"Write {short}, and its options as --data-option KEY=VALUE."
        raise UsageError(f"Data set {short} takes nothing after a colon, as in {name!r}.", hint)
    if not argument:
        hint = f"The option {option} of data set {short} belongs there."
        raise UsageError(f"Nothing follows the colon of {name!r}.", hint)
    if option in options or (option == "data_dir" and data_dir is not None):
        raise UsageError(f"Data set {short} is given {option} twice, once as {name!r}.", "Give it once.")
    if option == "data_dir":
        # Shells do not replace a ~ that follows a colon.
        return {**chosen, "data_dir": str(Path(argument).expanduser())}
    return {**chosen, "data_options": {**options, option: _settled(argument)}}


def _settled(argument: Any) -> Any:
    """What a folder is called wherever a run goes on; anything else as it is, such as a name on the hub."""
    if not isinstance(argument, str) or not argument:
        return argument
    folder = Path(argument).expanduser()
    return str(folder.resolve()) if folder.is_dir() else argument


def build_source(
    registry: Registry,
    name: str,
    *,
    image_size: int,
    data_dir: str | Path | None,
    options: dict[str, Any],
    crop: Crop = "centre",
) -> DataSource:
    """A registered data source; see `choose_dataset` for what its name may be.

    Raises:
        UsageError: an unknown data set or option.
        DataError: the data are not where they should be, or have no boxes, and the crop needs them.
    """
    name, place, options = choose_dataset(registry, name, data_dir, options).values()
    make = registry.find("dataset", name).load()
    directory = None if place is None else Path(place)
    given = {"image_size": image_size, "data_dir": directory, **options}
    if crop == "box":
        if "boxes" not in inspect.signature(make).parameters:
            raise no_boxes(f"Data set {name}", _BOXES)
        given["boxes"] = True
    source: DataSource = _call(make, f"options of data set {name}", given)
    return source
