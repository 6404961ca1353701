"""What the processes of a launch do one after the other, and what they make sure that they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attredit.errors import RunError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn

# Engines give up on a process after minutes, which is right for a step, and not for preparing a large data set.
_PATIENCE = timedelta(days=1)


@contextmanager
def main_process_first(accelerator: Accelerator) -> Iterator[None]:
    """The main process goes through this before all others, which wait as long as it takes; then it waits for them.

    Machines that share no cache each prepare the data in their turn.
    """
    if accelerator.num_processes == 1:
        yield
        return
    from torch import distributed

    patient: Any = distributed.new_group(backend="gloo", timeout=_PATIENCE)
    if not accelerator.is_main_process:
        distributed.barrier(patient)
    yield
    if accelerator.is_main_process:
        distributed.barrier(patient)
    distributed.barrier(patient)
    distributed.destroy_process_group(patient)


def require_same(mine: str, of: str, accelerator: Accelerator) -> None:
    """Make sure that all processes have the same of something, lest they train different models together.

    Args:
        mine: What this process has, in words.
        of: What it is.
        accelerator: The engine.

    Raises:
        RunError: they differ; in all processes alike, so that none waits for another.
    """
    if accelerator.num_processes > 1:
        from accelerate.utils import gather_object

        found = dict.fromkeys(gather_object([mine]))
        if len(found) > 1:
            raise RunError(
                f"The processes have different {of}: {', '.join(found)}.", "All machines have to see the same files."
            )


@contextmanager
def largest(accelerator: Accelerator) -> Iterator[Callable[[int], int]]:
    """Yields what gives all processes the largest of their numbers, off the devices that compute."""
    if accelerator.num_processes == 1:
        yield lambda mine: mine
        return
    import torch
    from torch import distributed

    group: Any = distributed.new_group(backend="gloo")

    def of(mine: int) -> int:
        number = torch.tensor(mine)
        distributed.all_reduce(number, distributed.ReduceOp.MAX, group)
        return int(number)

    yield of
    distributed.destroy_process_group(group)


def agree(module: nn.Module, accelerator: Accelerator) -> None:
    """All processes take the main one's weights: what is computed from the same images may differ between machines."""
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast

        on_device = {name: value.to(accelerator.device) for name, value in module.state_dict().items()}
        module.load_state_dict(broadcast(on_device))
