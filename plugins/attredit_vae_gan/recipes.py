"""VAE/GAN: three players and a classifier beside them, with Larsen et al.'s symbols (Algorithm 1)."""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

GAMMA = 1e-6  # section 4, on sums over features

_VECTORS = Term(use="attribute_vectors")
_CLASSIFIER = Part(use="conv", options={"width": 8, "classify": True})
# The source's attributes are asked for by edits only: nothing else here reads the classifier.
_CLASSIFYING = Player(trains=("classifier",), terms={"class": Term()}, optimizer=Optimizer(name="adam", lr=1e-3))
_ADAM = Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-4))
# Scaled as the default of naive-cvaegan. What needs the discriminator is computed at every second step.
_SMALL_LIKE = Term(use="match", weight=0.03, every=2, options={"part": "discriminator"})

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="conv", options={"width": 16, "classify": False}),
        "decoder": Part(use="attribute-vectors", options={"width": 16}),
        "discriminator": Part(use="conv", options={"width": 8}),
        "classifier": _CLASSIFIER,
    },
    players={
        "encoder": Player(
            trains=("encoder",),
            terms={
                "rec": Term(),
                "kl": Term(weight=0.008, limit=1e4),
                "like": _SMALL_LIKE,
                "vectors": _VECTORS,
            },
            optimizer=_ADAM,
            clip=1.0,
        ),
        "decoder": Player(
            trains=("decoder",),
            terms={
                "rec": Term(),
                "like": _SMALL_LIKE,
                "gan": Term(use="gan_generator", weight=0.001, every=2),
            },
            optimizer=_ADAM,
            clip=1.0,
        ),
        "discriminator": Player(
            trains=("discriminator",),
            terms={"gan": Term(every=2, options={"scale": 1.0})},
            optimizer=Optimizer(name="adam", lr=2e-4),
        ),
        "classifier": _CLASSIFYING,
    },
    predictor="classifier",
    latent_dim=128,
    batch_size=32,
    steps=1200,
)

_RMSPROP = Optimizer(name="rmsprop", lr=3e-4)
# The paper does not say which layer: the last convolution.
_LIKE = Term(use="match", options={"part": "discriminator", "layer": 3, "reduction": "sum"})

PAPER = Recipe(
    parts={
        "encoder": Part(use="larsen"),
        "decoder": Part(use="attribute-vectors"),
        "discriminator": Part(use="larsen"),
        "classifier": _CLASSIFIER,
    },
    players={
        "encoder": Player(
            trains=("encoder",),
            terms={
                "kl": Term(limit=1e6, options={"reduction": "sum"}),  # L_prior
                "like": _LIKE,  # L_llike, equation 7
                "vectors": _VECTORS,
            },
            optimizer=_RMSPROP,
        ),
        "decoder": Player(
            trains=("decoder",),
            terms={
                "like": _LIKE.model_copy(update={"weight": GAMMA}),
                "gan": Term(weight=-1.0, options={"scale": 1.0}),  # equation 5, with the reconstruction as in section 3
            },
            optimizer=_RMSPROP,
        ),
        "discriminator": Player(
            trains=("discriminator",), terms={"gan": Term(options={"scale": 1.0})}, optimizer=_RMSPROP
        ),
        "classifier": _CLASSIFYING,
    },
    predictor="classifier",
    latent_dim=128,
    batch_size=64,
    steps=60_000,
)
