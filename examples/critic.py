"""A critic of composite edits: real images against edits, with a gradient penalty (Gulrajani et al. 2017, equation 3).

    python examples/critic.py [DIRECTORY]

The critic is a network without a contract: its two terms ask it. It learns twice a step, of edits that are drawn anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

import attredit
from attredit import Optimizer, Part, Player, Recipe, Term, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from attredit import BatchView
    from attredit.plugin.hookspecs import Register

attredit_api = 1


@hookimpl
def register_networks(register: Register) -> None:
    register("critic", "critic:network", summary="a number for an image, large for real ones")


@hookimpl
def register_terms(register: Register) -> None:
    register("critic", "critic:critic", summary="edits against real images, with a gradient penalty")
    register("please", "critic:please", summary="minus what the critic says of edits")


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
    gap: Tensor = view.ask("critic", edited) - view.ask("critic", real)
    return gap.mean() + penalty * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def please(view: BatchView) -> Tensor:
    return torch.as_tensor(-view.ask("critic", view.images("composite")).mean())


PLEASE = Term(weight=0.01, only=("decoder",), every=2)
RECIPE = Recipe(
    extends="ifcvaegan",
    parts={"critic": Part(use="critic", kind="network")},
    players={
        "autoencoder": Player(trains=("encoder", "decoder"), terms={"please": PLEASE}),
        "critic": Player(
            trains=("critic",), terms={"critic": Term()}, repeats=2, fresh=True, optimizer=Optimizer(lr=2e-4)
        ),
    },
)


def main(folder: Path) -> None:
    attredit.use_plugin(__file__)
    few = {"train": 300, "valid": 20, "test": 20}
    how = {"steps": 40, "batch_size": 16, "image_size": 32, "data_options": few, "run_dir": folder / "run"}
    run = attredit.train(method="critic", attributes=["Smiling"], **how)
    print((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
