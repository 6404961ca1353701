"""Whether a training's numbers still mean something; if not, which term they left it by, and what to change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from attredit.errors import DivergenceError
from attredit.runs.directory import RunDirectory
from attredit.training.players import ActivePlayer


class Health:
    """Watches for numbers that mean nothing, without waiting for the device at every step."""

    def __init__(self) -> None:
        # By term, since not every step computes every term: when it first was not finite, or infinity.
        self.since: dict[str, Tensor] = {}

    def look(self, values: Mapping[str, Tensor], step: int) -> None:
        """Remember when each term first was not finite."""
        for name, value in values.items():
            now = torch.where(value.isfinite(), math.inf, float(step))
            self.since[name] = torch.minimum(self.since[name], now) if name in self.since else now

    def check(self, metrics: Mapping[str, float], players: list[ActivePlayer], run: RunDirectory) -> None:
        """Raise a `DivergenceError` that names the term."""
        first = min(self.since.values()).item()
        if first < math.inf:
            names = [name for name, step in self.since.items() if step == first]
            raise _diverged(f"{', '.join(names)} stopped being finite at step {first:.0f}", *_place(names[0]), run)
        # Other processes' terms are in the metrics alone.
        names = [name for name, value in metrics.items() if not math.isfinite(value)]
        if names:
            raise _diverged(f"{', '.join(names)} stopped being finite in another process", *_place(names[0]), run)
        for player in players:
            for name, term in player.spec.terms.items():
                value = metrics.get(f"{player.name}/{name}")
                if term.limit is not None and value is not None and abs(value) > term.limit:
                    raise _diverged(
                        f"{player.name}/{name} ran away: {value:.3g}, over its limit of {term.limit:g}",
                        player.name,
                        # Its own weight may be what holds it back; an adversary may be what it flees.
                        player.spec.terms_of("penalty"),
                        run,
                    )

    def check_weights(self, players: list[ActivePlayer], step: int, run: RunDirectory) -> None:
        """Raise a `DivergenceError` if weights are not finite, which the terms show only one step later."""
        for player in players:
            for part, weights in player.parameters.items():
                if weights and not torch.stack([w.isfinite().all() for w in weights]).all():
                    names = ", ".join(f"{player.name}/{n}" for n in player.terms)
                    what = f"weights of {part} stopped being finite by step {step}, by a gradient of {names}"
                    raise _diverged(what, player.name, (), run)


def _place(metric: str) -> tuple[str, tuple[str]]:
    """The player and the term of a metric's name."""
    player, _, term = metric.partition("/")
    return player, (term,)


def _diverged(what: str, player: str, terms: Iterable[str], run: RunDirectory) -> DivergenceError:
    """The error, and that terms of less weight may help."""
    kept = (
        f"The last good checkpoint is in {run.path}." if run.model_file.exists() else "No checkpoint had been written."
    )
    weights = "".join(f" or players.{player}.terms.{term}.weight" for term in terms)
    return DivergenceError(
        f"Training diverged: {what}. {kept}",
        f"Lower players.{player}.optimizer.lr{weights}, or set players.{player}.clip=1, "
        "and prefer terms that are bounded.",
    )
