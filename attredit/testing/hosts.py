"""Which methods a component can take part in, and a training of seconds in each.

Partners may be refused: by the core, with a `UsageError`, or because one side's latent is a vector and the other's a
feature map. Everything else that goes wrong in a training is a broken promise, and at least one partner must work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from attredit.errors import UsageError, in_one_line
from attredit.launch import trainer_of
from attredit.plugin.registry import Registry
from attredit.recipe import Recipe, resolve
from attredit.request import Request
from attredit.testing import make
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject
from attredit.training.trainer import Trainer

ATTRIBUTES = ("Left", "Right")
BATCH = 8
STEPS = 2
OTHERS = 2
TERM = "checked"


@dataclass(frozen=True)
class Host:
    """A method with the component in it.

    Attributes:
        method: Its id.
        preset: Which of its presets.
        overrides: What puts the component there.
        role: The part that the component is; for a term, its player and key.
    """

    method: str
    preset: str = "default"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""

    def __str__(self) -> str:
        return self.method if self.preset == "default" else f"{self.method}:{self.preset}"

    @property
    def key(self) -> str:
        """The same for hosts that train the same, whichever of their components is meant."""
        return f"{self.method}:{self.preset} {json.dumps(self.overrides, sort_keys=True)}"

    def recipe(self, registry: Registry) -> Recipe:
        """The method's recipe with the component."""
        return resolve(registry, self.method, self.preset, self.overrides)

    def request(self, size: int, **more: Any) -> Request:
        """The smallest useful training of it."""
        return Request(
            method=self.method,
            preset=self.preset,
            overrides={**self.overrides, **more.pop("overrides", {})},
            dataset=make.DATASET,
            attributes=ATTRIBUTES,
            image_size=size,
            batch_size=BATCH,
            device="cpu",
            **more,
        )


@dataclass(frozen=True)
class Outcome:
    """How a training of a host went.

    Attributes:
        host: Which.
        size: The image size at which it was built; 0 where it could not be.
        latent: "vector" or "feature map"; what the encoder gives.
        refused: Why the two do not go together.
        error: What went wrong.
    """

    host: Host
    size: int = 0
    latent: str = ""
    refused: str = ""
    error: Exception | None = None

    @property
    def works(self) -> bool:
        """It trained."""
        return not self.refused and self.error is None


def hosts(subject: Subject) -> list[Host]:
    """Every method that can have the component in it; those of its own plugin, and those that name it, first."""
    it = subject.it
    if it.kind == "method":
        return [Host(it.id)]
    presets: dict[str, dict[str, Recipe]] = {}
    for method, preset, recipe in make.every_recipe(subject):
        presets.setdefault(method.id, {})[preset] = recipe
    inside = _with_term if it.kind == "term" else _with_part
    found = [host for method, known in presets.items() for host in inside(subject, method, known)]
    return sorted(found, key=lambda host: (not _own(subject, host), bool(host.overrides)))


def outcomes(subject: Subject) -> list[Outcome]:
    """Trainings of a sample of the hosts; trained once, however often this is asked.

    All of its own plugin, and a few others that are far apart in the list; then one after the other until it trains.
    """
    every = hosts(subject)
    own, others = ([h for h in every if _own(subject, h) is mine] for mine in (True, False))
    chosen = own + others[:: max(1, -(-len(others) // OTHERS))]
    tried = [outcome(subject, host) for host in chosen]
    for host in (host for host in others if host not in chosen):
        if any(one.works for one in tried):
            break
        tried.append(outcome(subject, host))
    return tried


def outcome(subject: Subject, host: Host) -> Outcome:
    """A training of one host."""
    tried = subject.place.once(f"trained {host.key}", lambda: _tried(subject, host))
    return replace(tried, host=host)  # whoever asked first may play another role in it


def home(subject: Subject) -> Outcome:
    """The first host in which the component trains.

    Raises:
        Skipped: there is none; `partners` tells why.
    """
    for host in hosts(subject):
        tried = outcome(subject, host)
        if tried.works:
            return tried
    raise Skipped("it trains in no method: see the promise partners")


def partners(subject: Subject) -> str:
    """A few steps in methods that can have it."""
    tried = outcomes(subject)
    if not tried:
        raise Skipped(f"no registered method has a {subject.it.kind}")
    working = [o for o in tried if o.works]
    reads = {o.latent for o in working}
    for one in tried:
        if one.error is not None and (not reads or one.latent in reads):
            raise Broken(f"{STEPS} steps of training in {one.host}", in_one_line(one.error)) from one.error
    refused: dict[str, list[str]] = {}
    for one in tried:
        if not one.works:
            refused.setdefault(one.refused or f"It reads no {one.latent}.", []).append(str(one.host))
    others = [f"{_listed(names)}: {reason}" for reason, names in refused.items()]
    if not working:
        raise Broken("training in at least one method", " ".join(others))
    return " ".join([f"Trains in {_listed(map(str, (o.host for o in working)))}.", *others])


def latent_of(trainer: Trainer) -> str:
    """What a trainer's encoder gives."""
    network = trainer.parts["encoder"].eval()
    of = make.geometry(trainer.config.image_size, trainer.config.channels, trainer.schema)
    with torch.no_grad():
        mean = network(make.images(of), make.attrs(of)).mean
    network.train()
    return "vector" if mean.ndim == 2 else "feature map"


def _own(subject: Subject, host: Host) -> bool:
    return host.method.startswith(f"{subject.it.plugin}/")


def _with_part(subject: Subject, method: str, presets: Mapping[str, Recipe]) -> Iterator[Host]:
    """The default preset, once for each part that the component can be."""
    it, recipe = subject.it, presets.get("default", Recipe())
    for name, part in recipe.parts.items():
        if recipe.kind_of(name) != it.kind:
            continue
        if subject.registry.find(it.kind, part.use) == it:
            yield Host(method, role=name)
        else:
            other = {"use": it.id, "options": make.options_of(subject, it)}
            yield Host(method, overrides={f"parts.{name}": other}, role=name)


def _with_term(subject: Subject, method: str, presets: Mapping[str, Recipe]) -> Iterator[Host]:
    """The first preset that has the term already; or the default with it, for whoever trains encoder or decoder."""
    for preset, recipe in presets.items():
        for player, spec in recipe.players.items():
            for name, term in spec.terms.items():
                if subject.registry.find("term", term.use or name) == subject.it:
                    yield Host(method, preset, role=f"{player}.{name}")
                    return
    for player, spec in presets["default"].players.items() if "default" in presets else ():
        if {"encoder", "decoder"} & set(spec.trains):
            overrides = {f"players.{player}.terms.{TERM}.use": subject.it.id}
            yield Host(method, overrides=overrides, role=f"{player}.{TERM}")
            return


def _tried(subject: Subject, host: Host) -> Outcome:
    """Build at the first size that the core accepts, then train."""
    more = {"run_dir": str(subject.place.directory("tried")), "steps": STEPS}
    try:
        return make.at_first_size(lambda size: _stepped(subject, host, trainer_of(host.request(size, **more))))
    except UsageError as error:
        return Outcome(host, refused=str(error))
    except Exception as error:
        return Outcome(host, error=error)


def _stepped(subject: Subject, host: Host, trainer: Trainer) -> Outcome:
    size, latent = trainer.config.image_size, latent_of(trainer)
    if subject.it.kind == "encoder" and host.overrides:
        other = latent_of(trainer_of(Host(host.method).request(size, steps=STEPS)))
        if other != latent:
            return Outcome(host, size, latent, f"Its latent is a {latent}, where the method's is a {other}.")
    try:
        make.take_steps(trainer, STEPS, str(host))
    except UsageError as error:
        return Outcome(host, size, latent, str(error))
    except Exception as error:
        return Outcome(host, size, latent, error=error)
    return Outcome(host, size, latent)


def _listed(names: Iterable[str]) -> str:
    """Without doubles: a discriminator may be several parts of one method."""
    return ", ".join(dict.fromkeys(names))
