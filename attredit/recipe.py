"""A method is data: which parts there are, and who minimises which weighted terms.

Plugins write recipes, `resolve` turns a method's name, a preset and a user's overrides into one complete recipe, and
`training/players.py` turns that into networks and optimisers. JSON in, JSON out; names only, never import targets.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from attredit.documents import Document, first_of
from attredit.errors import PluginError, UsageError, nearest
from attredit.files import from_json
from attredit.plugin.discovery import CORE
from attredit.plugin.registry import Component, Registry, bare

# Below these keys names are free: whoever receives the options, or looks up the term, checks them.
_OPEN = ("options", "terms")


class Part(Document):
    """A network or strategy, by registered name.

    Attributes:
        use: Registered component. A plugin's recipe means its own first, then those of attredit; `resolve` makes it
            ``plugin/name``.
        kind: Of what; when None, its name in the recipe says: encoder, decoder, factorizer, compositor, and else
            discriminator, which classifiers are, too. A "network" has no contract but that of the terms that ask it.
        options: Keyword arguments of its constructor.
    """

    use: str
    kind: Literal["encoder", "decoder", "discriminator", "factorizer", "compositor", "network"] | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Schedule(Document):
    """A number that changes: `start` to `end` over `steps` steps from step `begin`.

    Attributes:
        kind: How it gets there. A constant is 0 before `begin` and `end` from then on.
        start: The value until `begin`.
        end: The value afterwards.
        begin: The step at which it starts to change.
        steps: How long it changes; 0: until the run ends.
    """

    kind: Literal["constant", "linear", "cosine"] = "linear"
    start: float = 0.0
    end: float = 1.0
    begin: int = Field(default=0, ge=0)
    steps: int = Field(default=0, ge=0)

    def at(self, step: int, total: int) -> float:
        """The value at a step of a run of `total` steps; a constant is 0 before `begin`, the others `start`."""
        if self.kind == "constant":
            return self.end if step >= self.begin else 0.0
        length = self.steps or max(total - self.begin, 1)
        done = min(max((step - self.begin) / length, 0.0), 1.0)
        if self.kind == "cosine":
            done = (1.0 - math.cos(math.pi * done)) / 2.0
        return self.start + (self.end - self.start) * done


def at_step(value: float | Schedule, step: int, total: int) -> float:
    """A number or a schedule, at one step of a run of `total` steps."""
    return value.at(step, total) if isinstance(value, Schedule) else value


class Term(Document):
    """A weighted term of a player's loss.

    Attributes:
        use: Registered term; the key it stands under when empty.
        weight: A number or a schedule.
        only: Parts of the player that this term's gradient reaches; all when empty. This is how separate equations for
            encoder and decoder (the paper's 9 and 10) are written down.
        options: Passed to the term.
        limit: Training stops with a clear error when the unweighted term exceeds this.
        every: Computed at each step of this many only, with as many times the weight (lazy regularisation, Karras et
            al. 2020). Metrics have it at those steps.
    """

    use: str = ""
    weight: float | Schedule = 1.0
    only: tuple[str, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)
    limit: float | None = None
    every: int = Field(default=1, ge=1)


class Optimizer(Document):
    """How a player follows its gradient.

    Attributes:
        name: The optimiser, torch's.
        lr: Its learning rate, a number or a schedule.
        options: Its other keyword arguments.
    """

    name: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    lr: float | Schedule = 1e-3
    options: dict[str, Any] = Field(default_factory=dict)


class Player(Document):
    """One side of the game: the parts it trains and what it minimises.

    Attributes:
        trains: Names of parts; a part belongs to one player only.
        terms: Its loss, by term name; a bare number is a weight.
        optimizer: How it follows the gradient.
        clip: Largest norm of its whole gradient; None for no clipping.
        repeats: Updates a step; all but the first reuse the step's tensors, detached.
        fresh: Repeats draw noise anew, so that each sees other samples and reconstructions of the same images.
        every: It plays at each step of this many only: a critic of five steps for one of the generator is a generator
            with ``every=5``.
        start: The step at which it joins.
    """

    trains: tuple[str, ...]
    terms: dict[str, Term]
    optimizer: Optimizer = Optimizer()
    clip: float | None = Field(default=None, gt=0)
    repeats: int = Field(default=1, ge=1)
    fresh: bool = False
    every: int = Field(default=1, ge=1)
    start: int = Field(default=0, ge=0)

    def plays(self, step: int) -> bool:
        """Whether it has a turn at a step."""
        return step >= self.start and (step + 1) % self.every == 0

    @field_validator("terms", mode="before")
    @classmethod
    def _numbers_are_weights(cls, terms: Any) -> Any:
        if not isinstance(terms, Mapping):
            return terms
        return {k: {"weight": v} if isinstance(v, int | float) else v for k, v in terms.items() if v is not None}

    def terms_of(self, *uses: str) -> dict[str, Term]:
        """Its terms of these kinds of the core's, by name."""
        return {name: term for name, term in self.terms.items() if term.use in [f"{CORE.name}/{use}" for use in uses]}


class Recipe(Document):
    """A complete method, or the part of one that differs from the method it `extends`.

    Attributes:
        extends: Registered method, or ``method:preset``, whose recipe this one overrides key by key.
        without: Dotted keys of that recipe, such as ``players.discriminator``, that this one leaves out.
        parts: Networks and strategies; "encoder", "decoder" and the predictor are what editing needs.
        players: Who trains what.
        latent_dim: Z, the width of the latent; with styles, of its content.
        style_dim: W, the width of each attribute's style: what only images with the attribute have, such as which
            glasses; 0 for none. Encoders give (B, Z + n W), and factorizers see the first Z alone.
        predictor: The part that tells an image's attributes: the encoder's label head, or a classifier of its own.
        prior: Distribution of the latent that samples are drawn from; None where there is none.
        decode_with: Labels the decoder sees in training: the true ones, or the predicted ones (Algorithm 1).
        edit_from: Edits start from the latent's mean, or from a sample of it.
        styles: Where there are styles: what those of a changed attribute are in training's edits: the image's own,
            samples of the prior, or those of other images of the batch.
        detail: How many times finer the images of ``view.full`` are than those that networks see.
        keeps: Further parts that are saved with the model.
        batch_size: Images a step, over all processes.
        steps: Default length of training.
        ema: Decay of an exponential moving average of the weights, which is then what editing uses; None for none.
    """

    extends: str | None = None
    without: tuple[str, ...] = ()
    parts: dict[str, Part] = Field(default_factory=dict)
    players: dict[str, Player] = Field(default_factory=dict)
    latent_dim: int = Field(default=64, gt=0)
    style_dim: int = Field(default=0, ge=0)
    predictor: str = "encoder"
    prior: Literal["normal"] | None = "normal"
    decode_with: Literal["true", "predicted"] = "true"
    edit_from: Literal["mean", "sample"] = "mean"
    styles: Literal["own", "prior", "batch"] = "own"
    detail: int = Field(default=1, ge=1)
    keeps: tuple[str, ...] = ()
    batch_size: int = Field(default=32, gt=0)
    steps: int = Field(default=2000, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)

    @field_validator("parts", "players", mode="before")
    @classmethod
    def _null_leaves_out(cls, named: Any) -> Any:
        return {k: v for k, v in named.items() if v is not None} if isinstance(named, Mapping) else named

    @property
    def edits_with(self) -> tuple[str, ...]:
        """Parts that editing needs, and that model.safetensors holds."""
        blend = ("compositor",) if "compositor" in self.parts else ()
        return tuple(dict.fromkeys(("encoder", "decoder", self.predictor, *blend, *self.keeps)))

    def kind_of(self, name: str) -> str:
        """The kind of component that a part is."""
        return (self.parts[name].kind if name in self.parts else None) or _kind_by(name)

    @property
    def called(self) -> dict[str, str]:
        """Kind and full name of each part, for errors of its code."""
        return {name: f"{self.kind_of(name)} {part.use}" for name, part in self.parts.items()}

    def overridden(self, overrides: Mapping[str, Any]) -> Recipe:
        """This recipe with dotted keys replaced, such as ``{"players.autoencoder.terms.aux": 0}``; None leaves out.

        Raises:
            UsageError: a key or value that does not exist; the message lists the valid ones.
        """
        data = self.model_dump()
        for key, value in overrides.items():
            if key in ("extends", "without"):
                raise UsageError(f"A recipe's {key} is settled.", "Name another method, or set single keys to null.")
            data = _merge(data, _nested(data, key.split("."), value))
        return _validated(data)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from attredit.html import html_of

        parts = {f"part {name}": " ".join([part.use, json.dumps(part.options)]) for name, part in self.parts.items()}
        plain = self.model_dump(mode="json", exclude_defaults=True, exclude={"parts", "players", "extends", "without"})
        rows = [("player", "term", "weight", "reaches")]
        for name, player in self.players.items():
            for key, term in player.terms.items():
                weight = term.weight.model_dump() if isinstance(term.weight, Schedule) else term.weight
                rows.append((name, key, str(weight), ", ".join(term.only or player.trains)))
        return html_of(f"Recipe {self.hash}", {**plain, **parts}, rows)

    @property
    def hash(self) -> str:
        """Hex digest of the whole recipe, for provenance."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def _kind_by(name: str) -> str:
    """What a part is whose name alone says it."""
    return name if name in ("encoder", "decoder", "factorizer", "compositor") else "discriminator"


def resolve(
    registry: Registry, method: str, preset: str = "default", overrides: Mapping[str, Any] | None = None
) -> Recipe:
    """The complete recipe of a registered method; what it uses has full names, ``plugin/name``.

    Raises:
        UsageError: an unknown method, preset or key, an impossible value, or a name that several plugins have.
        PluginError: a method that extends itself.
    """
    data = _layers(registry, registry.find("method", method), preset, ())
    recipe = _validated(data).overridden(overrides or {})
    return _validated(_with_ids(registry, recipe.model_dump()))


def presets_of(component: Component) -> tuple[str, ...]:
    """Names of a method's presets, the default first."""
    return ("default", *(p for p in component.presets if p != "default"))


def components_of(registry: Registry, recipe: Recipe, dataset: str) -> dict[str, Component]:
    """What makes a recipe's parts and terms, and the data set, by part, ``term NAME`` and ``data set``.

    Raises:
        UsageError, PluginError: one is unknown or broken.
    """
    found = {name: registry.find(recipe.kind_of(name), part.use) for name, part in recipe.parts.items()}
    for player in recipe.players.values():
        found |= {f"term {name}": registry.find("term", term.use or name) for name, term in player.terms.items()}
    found["data set"] = registry.find("dataset", dataset)
    return found


def parse_overrides(items: Sequence[str]) -> dict[str, Any]:
    """Command-line overrides: ``["a.b=1", "c=text"]`` to ``{"a.b": 1, "c": "text"}``; values are JSON if they can.

    Raises:
        UsageError: an item without ``=``.
    """
    result: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{item!r} is not of the form key=value.")
        try:
            result[key] = from_json(text)
        except ValueError:
            result[key] = text
    return result


def _layers(registry: Registry, component: Component, preset: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """The merged dictionary of a method and all that it extends."""
    reference = f"{component.id}:{preset}"
    if reference in seen:
        raise PluginError(f"Method {seen[0]} extends itself: {' -> '.join((*seen, reference))}.")
    known = presets_of(component)
    if preset not in known:
        raise UsageError(f"Method {component.name} has no preset {preset!r}.", nearest(preset, known))
    recipe = component.load(component.presets.get(preset, component.target))
    if not isinstance(recipe, Recipe):
        raise PluginError(f"Method {component.id} registers a {type(recipe).__name__}, not a Recipe.")
    own, base = recipe.model_dump(exclude_unset=True), dict[str, Any]()
    if recipe.extends is not None:
        name, _, extended = recipe.extends.partition(":")
        # Of its own name, it means another's method, unless it means another preset of its own.
        but = component.id if (extended or "default") == preset else ""
        below = registry.find("method", registry.id_of("method", name, component, but))
        base = _layers(registry, below, extended or "default", (*seen, reference))
    for key in own.pop("without", ()):
        base = _dropped(base, key.split("."), f"Method {reference} leaves out {key!r}, which {recipe.extends} lacks.")
    merged: dict[str, Any] = _merge(base, _with_ids(registry, own, base, component))
    return merged


def _with_ids(
    registry: Registry, own: Mapping[str, Any], base: Mapping[str, Any] | None = None, by: Component | None = None
) -> dict[str, Any]:
    """A recipe's dictionary in which parts and terms have full names, ``plugin/name``, as far as something has them.

    Args:
        registry: Where they are looked up.
        own: What was written.
        base: The recipe that it extends.
        by: The method that it is of; None for what a user asked for.
    """
    base = base or {}
    parts, players = {**own.get("parts", {})}, {**own.get("players", {})}
    for name, part in parts.items():
        if "use" in part:
            kind = part.get("kind") or base.get("parts", {}).get(name, {}).get("kind") or _kind_by(name)
            parts[name] = {**part, "use": registry.id_of(kind, part["use"], by)}
    for player, spec in players.items():
        terms, inherited = spec.get("terms", {}), base.get("players", {}).get(player, {}).get("terms", {})
        terms = {name: _term_with_id(registry, name, term, inherited, by) for name, term in terms.items()}
        players[player] = {**spec, "terms": terms} if terms else spec
    return {**own, **({"parts": parts} if parts else {}), **({"players": players} if players else {})}


def _term_with_id(
    registry: Registry, name: str, term: Mapping[str, Any], inherited: Container[str], by: Component | None
) -> Mapping[str, Any]:
    """A term under its full name; one that is there already, and of no plugin's own, may be changed without it."""
    use = registry.id_of("term", term.get("use") or name, by)
    own = by is not None and use.startswith(f"{by.plugin}/")
    return {**term, "use": use} if term.get("use") or own or name not in inherited else term


def _dropped(data: dict[str, Any], path: Sequence[str], otherwise: str) -> dict[str, Any]:
    """Nested dictionaries without one key."""
    key, *below = path
    if not isinstance(data, dict) or key not in data:
        raise PluginError(otherwise)
    if below:
        return {**data, key: _dropped(data[key], below, otherwise)}
    return {k: v for k, v in data.items() if k != key}


def _merge(base: Any, top: Any) -> Any:
    """`top` over `base`, key by key. A number given for a term is its weight; another part or term starts afresh."""
    if isinstance(base, dict) and "weight" in base and isinstance(top, int | float):
        return {**base, "weight": top}
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    if top.get("use") and base.get("use") and top["use"] not in (base["use"], bare(base["use"])):
        base = {**base, "options": {}}  # another component's options mean nothing to this one
    return {**base, **{k: _merge(base.get(k), v) for k, v in top.items()}}


def _nested(data: Any, path: Sequence[str], value: Any, done: str = "") -> Any:
    """``{"a": {"b": value}}`` from a dotted path, checked against the keys that exist."""
    if not path:
        return value
    key = path[0]
    if not isinstance(data, dict):
        raise UsageError(f"{done!r} is a value: it has no key {key!r}.", f"Set {done} itself.")
    if key not in data and key not in _OPEN and done.rpartition(".")[2] not in _OPEN:
        raise UsageError(f"Unknown key {key!r} {f'in {done!r}' if done else 'in the recipe'}.", nearest(key, data))
    known = data.get(key, {})
    if done.endswith(".terms") and isinstance(known, dict):
        known = {**Term().model_dump(), **known}  # a term that an earlier override began has all keys, too
    return {key: _nested(known, path[1:], value, f"{done}.{key}".lstrip("."))}


def _validated(data: dict[str, Any]) -> Recipe:
    """A recipe from plain data, with errors in one sentence."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"Recipe: {first_of(error)} (got {error.errors()[0]['input']!r}).") from None
