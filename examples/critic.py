"""A critic of composite edits: real images against edits, with a gradient penalty (Gulrajani et al. 2017, equation 3).

    python examples/critic.py [DIRECTORY]

A network without a contract, that its two terms ask. It learns twice a step, of edits that are drawn anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

import attredit
from attredit import Part, Player, Recipe, Term, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from attredit import BatchView, Register

attredit_api = 1


@hookimpl
def register_networks(register: Register) -> None:
    register("critic", "critic:network", summary="a number for an image, large for real ones")


@hookimpl
def register_terms(register: Register) -> None:
    for name, summary in {"critic": "edits against real images", "please": "minus what the critic says"}.items():
        register(name, f"critic:{name}", summary=summary)


@hookimpl
def register_methods(register: Register) -> None:
    register("critic", "critic:RECIPE", summary="ifcvaegan with a critic of composite edits")


def network(*, channels: int, width: int = 16) -> nn.Module:
    layers = [
        nn.Conv2d(channels, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1))


def critic(view: BatchView, penalty: float = 10.0) -> Tensor:
    real, edited = view.real, view.images("composite").detach()
    share = torch.special.ndtr(view.noise("critic/share", (1, 1, 1)))
    between = (share * real + (1 - share) * edited).requires_grad_()
    (slope,) = torch.autograd.grad(view.ask("critic", between).sum(), between, create_graph=True)
    gap = view.ask("critic", edited) - view.ask("critic", real)
    return torch.as_tensor(gap.mean() + penalty * (slope.flatten(1).norm(dim=1) - 1).square().mean())


def please(view: BatchView) -> Tensor:
    return torch.as_tensor(-view.ask("critic", view.images("composite")).mean())


PLEASE = Term(weight=0.01, only=("decoder",), every=2)
PLAYERS = {
    "autoencoder": Player(trains=("encoder", "decoder"), terms={"please": PLEASE}),
    "critic": Player(trains=("critic",), terms={"critic": Term()}, repeats=2, fresh=True),
}
RECIPE = Recipe(extends="ifcvaegan", parts={"critic": Part(use="critic", kind="network")}, players=PLAYERS)


def main(folder: Path) -> None:
    attredit.use_plugin(__file__)
    asked = attredit.Request(method="critic", attributes=["Smiling"], image_size=32, steps=40, batch_size=16)
    run = attredit.train(asked, data_options={"train": 300, "valid": 20, "test": 20}, run_dir=folder / "run")
    print((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
