"""A step, on a device that is not the processor: every tensor that takes part has to be there.

torch's device "meta" has shapes and no numbers, and, like a GPU, refuses to compute with what lies elsewhere.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from one_step import METHODS, narrow

from attredit.launch import trainer_of
from attredit.recipe import at_step
from attredit.training.players import Built
from attredit.training.trainer import Trainer


class Elsewhere:
    """An engine whose device is another."""

    device = torch.device("meta")
    num_processes, process_index, is_main_process = 1, 0, True

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@pytest.fixture(autouse=True)
def as_on_a_gpu() -> Iterator[None]:
    """Parameters stay the same objects when their device changes, so that optimisers still know them."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    yield
    torch.__future__.set_swap_module_params_on_conversion(before)


def moved(request_for: Any, method: str, preset: str, overrides: dict[str, Any], **changes: Any) -> Trainer:
    """A trainer on that device."""
    overrides = narrow(method, preset) | overrides
    here = trainer_of(request_for(method=method, preset=preset, overrides=overrides, **changes))
    there = Trainer(Built(here.parts, here.players), here.config, here.store, Elsewhere(), here.run_directory)  # type: ignore[arg-type]
    for player in there.players:
        for group in player.optimizer.param_groups:
            group["fused"] = False  # there is no such kernel for it
    return there


@pytest.mark.parametrize(("method", "preset"), METHODS)
def test_a_step_of_every_recipe(request_for: Any, method: str, preset: str) -> None:
    trainer = moved(request_for, method, preset, {"ema": 0.9}, attributes=("Smiling", "Male"), augment=("flip",))
    due = [math.lcm(*(term.every for term in player.spec.terms.values())) for player in trainer.players]
    latest = max(player.spec.start for player in trainer.players)
    everyone = -(-(latest + 1) // math.lcm(*due)) * math.lcm(*due) - 1  # the first step at which no term is left out
    for step in {0, everyone}:
        values = trainer.step(step)
        assert {value.device.type for value in values.values()} == {"meta"}
    total = trainer.config.steps
    weights = {f"{p.name}/{name}": term.weight for p in trainer.players for name, term in p.spec.terms.items()}
    assert set(values) == {name for name, weight in weights.items() if at_step(weight, everyone, total) != 0}
    saved = trainer.state()
    assert {tensor.device.type for tensor in saved.values() if tensor.ndim} == {"meta"}


@pytest.mark.parametrize("fused", [False, True])
def test_what_optimisers_remember_is_where_they_look_for_it(request_for: Any, fused: bool) -> None:
    trainer = moved(request_for, "ifcvaegan", "default", {})
    trainer.step(0)
    saved = trainer.state()
    for player in trainer.players:
        for group in player.optimizer.param_groups:
            group["fused"] = fused
    # As read from a file, but for weights, whose copies torch warns of where nothing is copied.
    read = {name: torch.zeros_like(saved[name], device="cpu") for name in saved if name.startswith("optimizers.")}
    trainer.load_state(saved | read)
    slots = [slot for player in trainer.players for slot in player.optimizer.state.values()]
    assert {slot["exp_avg"].device.type for slot in slots} == {"meta"}
    assert {slot["step"].device.type for slot in slots} == {"meta" if fused else "cpu"}
