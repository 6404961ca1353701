"""What factorizers and terms promise of one step, in a method that they train in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from attredit.attributes import MISSING, AttributeSchema
from attredit.devices import seeded
from attredit.editing.model import Model
from attredit.errors import UsageError
from attredit.recipe import Recipe
from attredit.rows import Slice
from attredit.testing import hosts, make
from attredit.testing.parts import through_file
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject
from attredit.training.players import Built
from attredit.training.view import BatchView

BATCH = 6
_SEED = 5

Loss = Callable[[BatchView], "Tensor | None"]


@dataclass(frozen=True)
class Scene:
    """A method with the component in it, at one step.

    Attributes:
        subject: The component.
        recipe: The method's.
        built: Its parts, players and terms.
        schema: The attributes.
        role: Which part, or which term of which player, the component is.
        images: Their size and channels.
        missing: Whether some labels are missing.
    """

    subject: Subject
    recipe: Recipe
    built: Built
    schema: AttributeSchema
    role: str
    images: tuple[int, int]
    missing: bool = False

    def view(self, step: int = 0) -> BatchView:
        """The step's tensors."""
        size, channels = self.images
        of = make.geometry(size, channels, self.schema)
        return BatchView(
            Model.of(self.recipe, self.built.parts, self.schema),  # type: ignore[arg-type]
            make.images(of, BATCH, seed=step),
            _labels(self.schema, self.missing),
            rows=Slice(0, BATCH, BATCH),
            seed=_SEED,
            step=step,
        )

    @property
    def losses(self) -> dict[str, Loss]:
        """What the component asks for, by name."""
        if self.subject.it.kind == "factorizer":
            part: Any = self.built.parts[self.role]
            return {"penalty": part.penalty, "fit": part.fit}
        return {"value": self.term}

    @property
    def term(self) -> Any:
        """The term itself."""
        player, _, name = self.role.partition(".")
        return next(p for p in self.built.players if p.name == player).terms[name]

    @property
    def module(self) -> nn.Module | None:
        """The component as a module; None for a function."""
        found = self.built.parts[self.role] if self.subject.it.kind == "factorizer" else self.term
        return found if isinstance(found, nn.Module) else None

    def values(self, step: int = 0) -> dict[str, Tensor]:
        """Every loss of one step, after a seed; without those that are None."""
        with seeded(_SEED):
            view = self.view(step)
            found = {name: loss(view) for name, loss in self.losses.items()}
        return {name: value for name, value in found.items() if value is not None}


def scene(
    subject: Subject,
    host: hosts.Host | None = None,
    *,
    schema: AttributeSchema = make.ONE,
    channels: int = 3,
    seed: int = 0,
    missing: bool = False,
) -> Scene:
    """A method with the component in it; the first that it trains in, unless another is named."""
    outcome = hosts.home(subject) if host is None else hosts.outcome(subject, host)
    recipe = outcome.host.recipe(subject.registry)
    built = make.whole(subject, recipe, outcome.size, schema, channels, seed)
    return Scene(subject, recipe, built, schema, outcome.host.role, (outcome.size, channels), missing)


def shapes(subject: Subject) -> str:
    """One finite number: for one attribute, several, those of more than two values, missing labels, and grey images."""
    refused = []
    cases: list[dict[str, Any]] = [{"schema": s} for s in (make.ONE, make.THREE, make.MIXED)] + [{"channels": 1}]
    cases += [{"schema": s, "missing": True} for s in (make.ONE, make.MIXED)]
    for case in cases:
        made = scene(subject, **case)
        where = f"{', '.join(f'{a.name} of {len(a.values)} values' for a in made.schema)}, {made.images[1]} channels"
        where += ", some labels missing" if made.missing else ""
        try:
            values = made.values()
        except UsageError as error:
            refused.append(f"{where}: {error}")
            continue
        for name, value in values.items():
            if not isinstance(value, Tensor):
                raise Broken(f"{name} as a scalar tensor", f"a {type(value).__name__} ({where})")
            if value.shape != () or not value.is_floating_point():
                raise Broken(f"{name} as a scalar of floats", f"{value.dtype} {tuple(value.shape)} ({where})")
            if not bool(value.isfinite()):
                raise Broken(f"{name} as a finite number", f"{value.item()} ({where})")
    if len(refused) == len(cases):
        raise Broken("losses for some attributes", " ".join(refused))
    return " ".join(refused)


def gradients(subject: Subject) -> str:
    """A factorizer's: what it asks of the encoder reaches the encoder, and its own loss reaches all its own weights."""
    made = scene(subject)
    values = _values_alone(made)
    own, encoder = _weights(made.built.parts[made.role]), _weights(made.built.parts["encoder"])
    if own and "fit" not in values:
        raise Broken("a fit, since it has weights of its own", "None, so nothing would train them")
    if own:
        reached = _reached(values["fit"], own)
        if reached < set(own):
            raise Broken("fit to reach every weight of its own", f"not {', '.join(sorted(set(own) - reached))}")
    penalty = values.get("penalty")
    if penalty is None:
        raise Broken("a penalty", "None; a factorizer that asks nothing of the encoder says 0")
    if not penalty.requires_grad and not bool(penalty.detach()):
        return "asks nothing of the encoder"
    if not _reached(penalty, encoder):
        raise Broken("a penalty that reaches the encoder", "no weight of it gets a gradient")
    return ""


def gradients_of_term(subject: Subject) -> str:
    """Some weight of some part moves; a module, which may be there to measure, need not move any."""
    hosts.home(subject)
    module, tried = False, list[str]()
    for host in hosts.hosts(subject):
        if not hosts.outcome(subject, host).works:
            continue
        made = scene(subject, host)
        value, module = _values_alone(made)["value"], made.module is not None
        tried.append(str(host))
        reached = [n for n, part in made.built.parts.items() if _reached(value, _weights(part))]
        if reached:
            return f"reaches {', '.join(reached)}"
    if not module:
        raise Broken("a gradient for some weight of some part", f"none in {', '.join(tried)}")
    return "reaches nothing: it measures"


def determinism(subject: Subject) -> str:
    """Built twice, asked once each."""
    first, second = (scene(subject).values() for _ in range(2))
    _expect_equal(first, second, "the same value for the same seed and step")
    return ""


def save_and_load(subject: Subject) -> str:
    """State that went through a file into another instance, after a step; asked about the next step."""
    first = scene(subject)
    if first.module is None:
        raise Skipped("a function: it keeps no state")
    first.values(0)
    again = _with_state_of(first, scene(subject, seed=1))
    for made in (first, again):
        made.built.parts.eval()
        assert made.module is not None, "both are built alike"
        made.module.eval()
    _expect_equal(first.values(1), again.values(1), "the same value after saving and loading")
    return ""


def _with_state_of(first: Scene, other: Scene) -> Scene:
    """The other instance, with the first's state from a file, among the first's parts."""
    assert first.module is not None, "functions are skipped"
    assert other.module is not None, "both are built alike"
    through_file(first.subject, first.module, other.module)
    parts = dict(first.built.parts)
    if first.subject.it.kind == "factorizer":
        parts[first.role] = other.module
    return replace(other, built=Built(nn.ModuleDict(parts), other.built.players))


def _values_alone(made: Scene) -> dict[str, Tensor]:
    """Every loss of a step; asking for it may change no weight, and leave no gradient behind."""
    before = {name: weight.detach().clone() for name, weight in made.built.parts.named_parameters()}
    values = made.values()
    for name, weight in made.built.parts.named_parameters():
        if weight.grad is not None:
            raise Broken("a loss that leaves the backward pass to the trainer", f"it left a gradient in {name}")
        if not torch.equal(weight, before[name]):
            raise Broken("a loss that leaves the weights to the optimisers", f"it changed {name}")
    return values


def _weights(part: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in part.named_parameters() if weight.requires_grad}


def _reached(loss: Tensor, weights: dict[str, nn.Parameter]) -> set[str]:
    """Weights that a loss has a gradient for, other than 0."""
    if not loss.requires_grad or not weights:
        return set()
    found = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
    return {name for name, grad in zip(weights, found, strict=True) if grad is not None and bool(grad.any())}


def _labels(schema: AttributeSchema, missing: bool) -> Tensor:
    """(B, n) labels: at least two images of each value of each attribute; or one image without any, one without one."""
    labels = torch.stack([torch.arange(BATCH) // (i + 1) % len(a.values) for i, a in enumerate(schema)], 1)
    if missing:
        labels[0], labels[1, -1] = MISSING, MISSING
    return labels


def _expect_equal(first: dict[str, Tensor], second: dict[str, Tensor], expected: str) -> None:
    for name, value in first.items():
        if not torch.equal(value, second[name]):
            raise Broken(expected, f"{name} is {value.item():.9g}, and then {second[name].item():.9g}")
