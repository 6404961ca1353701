"""Fader Networks: an autoencoder against a latent discriminator, and a classifier beside them."""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

# Squared error of images in [-1, 1], where ours lie in [0, 1]: 4 for the range, 2 because `match` halves.
_MSE = Term(use="match", weight=8.0)
# The source's attributes are asked for by edits only: nothing else here reads the classifier.
_CLASSIFIER = Part(use="conv", options={"width": 8, "classify": True})
_CLASSIFYING = Player(trains=("classifier",), terms={"class": Term()}, optimizer=Optimizer(name="adam", lr=1e-3))
_ADAM = Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-4))
_SMALL = {"width": 16}

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="fader", options=_SMALL),
        "decoder": Part(use="fader", options=_SMALL),
        "factorizer": Part(use="latent-discriminator", options={"width": 128}),
        "classifier": _CLASSIFIER,
    },
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={"rec": _MSE, "adv": Term(use="penalty", weight=Schedule(kind="linear", start=0.0, end=0.01))},
            optimizer=_ADAM,
            clip=1.0,
        ),
        "auxiliary": Player(
            trains=("factorizer",), terms={"fit": Term()}, optimizer=Optimizer(name="adam", lr=1e-3), repeats=2
        ),
        "classifier": _CLASSIFYING,
    },
    predictor="classifier",
    prior=None,
    latent_dim=64,
    batch_size=32,
    steps=2600,
)

_PUBLISHED = Optimizer(name="adam", lr=2e-4, options={"betas": (0.5, 0.999)})

PAPER = Recipe(
    parts={
        "encoder": Part(use="fader"),
        "decoder": Part(use="fader"),
        "factorizer": Part(use="latent-discriminator"),
        "classifier": _CLASSIFIER,
    },
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "rec": _MSE,
                # lambda_E, section 4
                "adv": Term(use="penalty", weight=Schedule(kind="linear", start=0.0, end=1e-4, steps=500_000)),
            },
            optimizer=_PUBLISHED,
            clip=5.0,
        ),
        "auxiliary": Player(trains=("factorizer",), terms={"fit": Term()}, optimizer=_PUBLISHED, clip=5.0),
        "classifier": _CLASSIFYING,
    },
    predictor="classifier",
    prior=None,
    latent_dim=512,
    batch_size=32,
    steps=600_000,
)
