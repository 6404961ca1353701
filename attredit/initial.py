"""Data-dependent initialisation: networks that ask for it see some training images before the first step.

A network asks by having a method ``initialise(images, targets, parts)``; see `attredit.interfaces.Initialised`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from attredit.interfaces import Initialised

if TYPE_CHECKING:
    from attredit.trainer import Trainer

MOST = 4096
"""Images that are shown: 200 MB at 64x64 pixels."""


def initialise(trainer: Trainer) -> None:
    """Let a new run's networks choose their first weights by the data; all processes then have the main one's."""
    asking = [part for part in trainer.parts.values() if isinstance(part, Initialised)]
    if not asking:
        return
    store, device = trainer.store, trainer.accelerator.device
    rows = np.linspace(0, len(store) - 1, min(len(store), MOST)).astype(np.int64)
    images = store.batch(rows).to(device).float().div_(255)
    targets = trainer.schema.encode(trainer.labels[torch.from_numpy(rows)]).to(device)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(trainer.config.seed)
        for part in asking:
            part.initialise(images, targets, dict(trainer.parts.items()))
    if trainer.accelerator.num_processes > 1:
        from accelerate.utils import broadcast

        # The last bits of a decomposition may differ between machines.
        for tensor in trainer.parts.state_dict(keep_vars=False).values():
            tensor.copy_(broadcast(tensor.contiguous()))
    trainer.restart_average()
