"""CVAE-GAN: four players, with Bao et al.'s symbols.

x_r are the images, x_f their reconstructions, x_p samples from the prior with the batch's classes. Whether the paper's
squared norms are sums or means it does not say. PAPER has sums: with means, a nat of one of the latent's dimensions
would weigh as much as the whole image. The option `reduction` of every term is "sum" or "mean".
"""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

LAMBDA_1, LAMBDA_2, LAMBDA_3, LAMBDA_4 = 3.0, 1.0, 1e-3, 1e-3  # section 3.4


_ADAM = Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-4))


# Scaled as the default of naive-cvaegan. What needs the discriminator is computed at every second step.
_SMALL_PAIRS = {
    "pair_d": Term(use="match", weight=0.03, every=2, options={"part": "discriminator"}),
    "pair_c": Term(use="match", weight=0.03, every=2, options={"part": "classifier"}),
}

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="conv", options={"width": 16, "classify": False, "read_labels": True}),
        "decoder": Part(use="conv", options={"width": 16}),
        "discriminator": Part(use="conv", options={"width": 8}),
        "classifier": Part(use="conv", options={"width": 8, "classify": True}),
    },
    players={
        "classifier": Player(
            trains=("classifier",), terms={"class": Term()}, optimizer=Optimizer(name="adam", lr=1e-3)
        ),
        "discriminator": Player(
            trains=("discriminator",),
            terms={"gan": Term(every=2, options={"scale": 1.0})},
            optimizer=Optimizer(name="adam", lr=2e-4),
        ),
        "generator": Player(
            trains=("decoder",),
            terms={
                "rec": Term(),
                **_SMALL_PAIRS,
                "mean_d": Term(use="match_mean", weight=0.003, every=2),
                "mean_c": Term(use="match_classes", weight=0.003, every=2),
            },
            optimizer=_ADAM,
            clip=1.0,
        ),
        "encoder": Player(
            trains=("encoder",),
            terms={"rec": Term(), "kl": Term(weight=0.008, limit=1e4), **_SMALL_PAIRS},
            optimizer=_ADAM,
            clip=1.0,
        ),
    },
    predictor="classifier",
    latent_dim=128,
    batch_size=32,
    steps=1200,
)

_WIDE = {"width": 64, "norm": "batch"}
_PUBLISHED = Optimizer(name="adam", lr=2e-4, options={"betas": (0.5, 0.999)})
_L_G = {
    "pixels": Term(use="match", weight=LAMBDA_2, options={"reduction": "sum"}),
    "pair_d": Term(use="match", weight=LAMBDA_2, options={"part": "discriminator", "reduction": "sum"}),
    "pair_c": Term(use="match", weight=LAMBDA_2, options={"part": "classifier", "reduction": "sum"}),
}

PAPER = Recipe(
    parts={
        "encoder": Part(use="conv", options={**_WIDE, "linear_size": 0, "classify": False, "read_labels": True}),
        "decoder": Part(use="conv", options={**_WIDE, "linear_size": 0}),
        "discriminator": Part(use="conv", options=_WIDE),
        "classifier": Part(use="conv", options={**_WIDE, "hidden": 1024, "classify": True}),
    },
    players={  # the four updates of Algorithm 1
        "classifier": Player(trains=("classifier",), terms={"class": Term()}, optimizer=_PUBLISHED),  # L_C
        "discriminator": Player(
            trains=("discriminator",), terms={"gan": Term(options={"scale": 1.0})}, optimizer=_PUBLISHED
        ),  # L_D
        "generator": Player(
            trains=("decoder",),
            terms={
                **_L_G,
                "mean_d": Term(use="match_mean", weight=LAMBDA_3, options={"reduction": "sum"}),  # L_GD
                "mean_c": Term(use="match_classes", weight=LAMBDA_4, options={"reduction": "sum"}),  # L_GC
            },
            optimizer=_PUBLISHED,
        ),
        "encoder": Player(
            trains=("encoder",),
            terms={"kl": Term(weight=LAMBDA_1, limit=1e6, options={"reduction": "sum"}), **_L_G},
            optimizer=_PUBLISHED,
        ),
    },
    predictor="classifier",
    latent_dim=256,
    batch_size=64,
    steps=100_000,
)
