"""CVAE-GAN: four players, with Bao et al.'s symbols.

x_r are the images, x_f their reconstructions, x_p samples from the prior with the batch's classes. Whether the paper's
squared norms are sums or means it does not say. These are sums: with means, a nat of one of the latent's dimensions would
weigh as much as the whole image. The option `reduction` of every term is "sum" or "mean".
"""

from __future__ import annotations

from typing import Any

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

LAMBDA_1, LAMBDA_2, LAMBDA_3, LAMBDA_4 = 3.0, 1.0, 1e-3, 1e-3  # section 3.4


def _pairwise(weight: float, reduction: str) -> dict[str, Term]:
    """L_G, one term for each of its distances: in pixels, to the discriminator, to the classifier."""
    return {
        "pixels": Term(use="match", weight=weight, options={"reduction": reduction}),
        "pair_d": Term(use="match", weight=weight, options={"part": "discriminator", "reduction": reduction}),
        "pair_c": Term(use="match", weight=weight, options={"part": "classifier", "reduction": reduction}),
    }


def _players(reduction: str, optimizer: Optimizer, judges: Optimizer, **both: Any) -> dict[str, Player]:
    """The four updates of Algorithm 1: C, D, G and E."""
    return {
        "classifier": Player(trains=("classifier",), terms={"class": Term()}, optimizer=judges),  # L_C
        "discriminator": Player(
            trains=("discriminator",), terms={"gan": Term(options={"scale": 1.0})}, optimizer=judges
        ),  # L_D
        "generator": Player(
            trains=("decoder",),
            terms={
                **_pairwise(LAMBDA_2, reduction),
                "mean_d": Term(use="match_mean", weight=LAMBDA_3, options={"reduction": reduction}),  # L_GD
                "mean_c": Term(use="match_classes", weight=LAMBDA_4, options={"reduction": reduction}),  # L_GC
            },
            optimizer=optimizer,
            **both,
        ),
        "encoder": Player(
            trains=("encoder",),
            terms={
                "kl": Term(weight=LAMBDA_1, options={"reduction": reduction}),  # L_KL
                **_pairwise(LAMBDA_2, reduction),
            },
            optimizer=optimizer,
            **both,
        ),
    }


_ADAM = Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-4))
_JUDGES = Optimizer(name="adam", lr=2e-4)

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="conv", options={"width": 16, "classify": False, "read_labels": True}),
        "decoder": Part(use="conv", options={"width": 16}),
        "discriminator": Part(use="conv", options={"width": 8}),
        "classifier": Part(use="conv", options={"width": 8, "classify": True}),
    },
    players=_players("sum", _ADAM, _JUDGES, clip=1.0),
    predictor="classifier",
    latent_dim=128,
    batch_size=32,
    steps=900,
)

_WIDE = {"width": 64, "norm": "batch"}

PAPER = Recipe(
    parts={
        "encoder": Part(use="conv", options={**_WIDE, "linear_size": 0, "classify": False, "read_labels": True}),
        "decoder": Part(use="conv", options={**_WIDE, "linear_size": 0}),
        "discriminator": Part(use="conv", options=_WIDE),
        "classifier": Part(use="conv", options={**_WIDE, "hidden": 1024, "classify": True}),
    },
    # Sums: with means, one nat of the latent's 256 dimensions would cost more than all pixels together.
    players=_players("sum", Optimizer(name="adam", lr=2e-4, options={"betas": (0.5, 0.999)}), _JUDGES),
    predictor="classifier",
    latent_dim=256,
    batch_size=64,
    steps=100_000,
)
