"""Seconds into steps, on a trainer whose steps cost what a test says, by a clock that only they move."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from attredit.benchmark import calibration
from attredit.benchmark.calibration import Phase, seconds_for, starts_of, steps_of, steps_within
from attredit.recipe import Player, Recipe, Schedule, Term

SLOW = Schedule(kind="linear", begin=200, steps=100)
LATE = Schedule(kind="constant", end=1.0, begin=300)
RECIPE = Recipe(
    players={
        "autoencoder": Player(
            trains=("encoder",), terms={"rec": Term(), "kl": Term(weight=SLOW), "x": Term(weight=LATE)}
        ),
        "discriminator": Player(trains=("discriminator",), terms={"gan": Term(every=2)}, start=100),
    }
)


class Trainer:
    """Steps of 10 ms; the discriminator, from step 100 on, adds 20 ms to every second one."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(recipe=RECIPE)
        self.accelerator = SimpleNamespace(device=torch.device("cpu"))
        self.now, self.steps = 0.0, list[int]()

    def step(self, step: int) -> None:
        self.steps.append(step)
        self.now += 0.01 + (0.02 if step >= 100 and step % 2 else 0.0)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Trainer()
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: made.now)
    return made


def test_a_step_may_cost_more_when_a_player_joins_or_a_weight_leaves_zero() -> None:
    assert starts_of(RECIPE) == [0, 100, 201, 300]
    assert starts_of(Recipe()) == [0]


def test_each_phase_is_timed_with_its_own_steps(trainer: Any) -> None:
    assert steps_within(trainer, 0.5) == pytest.approx(50, abs=1)
    assert max(trainer.steps) < 110, "a phase that the budget does not reach was timed"
    # 100 steps take 1 s, and 20 ms each from there on.
    assert steps_within(trainer, 3.0) == pytest.approx(200, abs=1)
    assert seconds_for(trainer, 100) == pytest.approx(1.0)
    assert seconds_for(trainer, 250) == pytest.approx(4.0)


def test_phases_are_filled_one_after_the_other() -> None:
    phases = [Phase(10, 1.0), Phase(10, 2.0), Phase(None, 4.0)]
    assert [steps_of(phases, seconds) for seconds in (0.1, 3, 10, 14, 30, 34, 41)] == [1, 3, 10, 12, 20, 21, 22]
