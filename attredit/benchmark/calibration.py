"""How long steps take, measured on a trainer that is thrown away afterwards.

A budget of seconds becomes a number of steps before a training starts, because learning rates and weights follow
schedules over a known number of steps. A step does not always cost the same: players join, and terms whose weight was
zero are computed from some step on. Each such phase is timed on its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attredit.recipe import Recipe, Schedule
from attredit.training.trainer import Trainer

_WARM_UP = 3
SECONDS = 1.0
_MOST = 1_000_000


@dataclass(frozen=True)
class Phase:
    """Steps of one cost.

    Attributes:
        length: How many; None for all that follow.
        seconds: Of each.
    """

    length: int | None
    seconds: float


def steps_within(trainer: Trainer, seconds: float) -> int:
    """How many steps, one at least, training does in so many seconds."""
    return steps_of(phases(trainer), seconds)


def seconds_for(trainer: Trainer, steps: int) -> float:
    """About how long so many steps take."""
    total, left = 0.0, steps
    for phase in phases(trainer, steps):
        length = left if phase.length is None else min(left, phase.length)
        total, left = total + length * phase.seconds, left - length
        if not left:
            break
    return total


def phases(trainer: Trainer, steps: int = _MOST) -> Iterator[Phase]:
    """Times each phase when it is asked for, no longer than it lasts if there are so many steps."""
    starts = starts_of(trainer.config.recipe)
    for i, start in enumerate(starts):
        length = starts[i + 1] - start if i + 1 < len(starts) else None
        yield Phase(length, _seconds_a_step(trainer, start, min(length or _MOST, max(1, steps - start))))


def starts_of(recipe: Recipe) -> list[int]:
    """Steps from which on a step computes more, or less, than before; the first is 0."""
    starts = {0}
    for player in recipe.players.values():
        starts.add(player.start)
        for term in player.terms.values():
            if isinstance(term.weight, Schedule):
                # A ramp from 0 is computed one step after it begins; a constant at once.
                starts.add(term.weight.begin + (term.weight.kind != "constant" and term.weight.begin > 0))
    return sorted(starts)


def steps_of(found: Iterable[Phase], seconds: float) -> int:
    """How many steps of these phases fit into so many seconds; one at least."""
    steps, left = 0, seconds
    for phase in found:
        fit = int(left / phase.seconds)
        if phase.length is None or fit < phase.length:
            return max(1, steps + fit)
        steps, left = steps + phase.length, left - phase.length * phase.seconds
    return max(1, steps)


def _seconds_a_step(trainer: Trainer, start: int, length: int) -> float:
    """The mean over whole cycles of terms that are not computed at every step."""
    players = trainer.config.recipe.players.values()
    cycle = math.lcm(*(term.every for player in players for term in player.terms.values()))
    for _ in range(_WARM_UP):
        trainer.step(start)
    _wait(trainer)
    began, done, seconds = time.perf_counter(), 0, 0.0
    while not done or (done + cycle <= length and seconds < SECONDS):
        for step in range(start + done, start + done + cycle):
            trainer.step(step)
        _wait(trainer)
        done, seconds = done + cycle, time.perf_counter() - began
    return seconds / done


def _wait(trainer: Trainer) -> None:
    """Until a GPU has done what it was given."""
    if trainer.accelerator.device.type != "cpu":
        import torch

        torch.accelerator.synchronize()
