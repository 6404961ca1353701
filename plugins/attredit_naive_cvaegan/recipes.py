"""The base recipe and its presets, with the paper's symbols and equation numbers."""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

ALPHA, RHO, DELTA = 1.0, 0.1, 0.1  # the paper's best naive model (section 4.1)

_RMSPROP = Optimizer(name="rmsprop", lr=2e-4)
_ADAM = Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-4))

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="conv", options={"width": 16}),
        "decoder": Part(use="conv", options={"width": 16}),
    },
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "rec": Term(weight=1.0),
                "kl": Term(weight=0.008, limit=1e4),
                "class": Term(weight=RHO),
            },
            optimizer=_ADAM,
            clip=1.0,
        ),
    },
    latent_dim=128,
    batch_size=32,
    steps=2100,
)

# With networks that begin with principal components: a sharper latent costs nothing then, so its KL weighs less.
_COMPONENTS = Part(use="principal", options={"width": 16})
PRINCIPAL = Recipe(
    extends="naive-cvaegan",
    parts={"encoder": _COMPONENTS, "decoder": _COMPONENTS},
    players={
        "autoencoder": Player(trains=("encoder", "decoder"), terms={"kl": Term(weight=0.006, limit=1e4)}),
    },
    latent_dim=192,
)

PAPER = Recipe(
    parts={
        "encoder": Part(use="paper"),
        "decoder": Part(use="paper"),
        "discriminator": Part(use="paper"),
    },
    players={
        "autoencoder": Player(  # equations 9 and 10
            trains=("encoder", "decoder"),
            terms={
                "rec": Term(weight=1.0),
                "kl": Term(weight=ALPHA, limit=1e4),
                "class": Term(weight=RHO),
                "class_rec": Term(weight=0.0, options={"target": "predicted"}),
                "gan": Term(weight=-DELTA),
            },
            optimizer=_RMSPROP,
        ),
        "discriminator": Player(
            trains=("discriminator",),
            terms={"gan": Term()},
            optimizer=Optimizer(name="rmsprop", lr=2e-4, options={"alpha": 0.5}),
        ),
    },
    latent_dim=200,
    decode_with="predicted",
    batch_size=64,
    steps=20_000,
)

REFERENCE = PAPER.overridden(
    {
        "parts.encoder.options.detach_head": True,
        "players.autoencoder.terms.rec.options.batch": "sum",
        "players.autoencoder.terms.kl.options.batch": "sum",
        "players.autoencoder.terms.kl.limit": 1e6,
        "players.autoencoder.terms.class_rec.options.target": "true",
        "players.autoencoder.terms.gan": {
            "use": "gan_generator",
            "weight": DELTA,
            "only": (),
            "options": {"batch": "sum"},
            "limit": None,
        },
        "players.discriminator.terms.gan.options": {"batch": "sum", "scale": 0.3},
        "edit_from": "sample",
    }
)

# No label ever trains the encoder: a classifier, trained beside, tells edits what an image has.
_READING = {"classify": False, "read_labels": True}
_CLASSIFIER = Part(use="conv", options={"width": 8, "classify": True})
_CLASSIFYING = Player(trains=("classifier",), terms={"class": Term()}, optimizer=Optimizer(name="adam", lr=1e-3))

CVAE_DEFAULT = Recipe(
    extends="naive-cvaegan",
    without=("players.autoencoder.terms.class",),
    parts={"encoder": Part(use="conv", options=_READING), "classifier": _CLASSIFIER},
    players={"classifier": _CLASSIFYING},
    predictor="classifier",
    steps=1900,
)

_BATCH_NORM = {"width": 64, "linear_size": 0, "norm": "batch"}

CVAE_PAPER = Recipe(
    parts={
        "encoder": Part(use="conv", options={**_BATCH_NORM, **_READING}),
        "decoder": Part(use="conv", options=_BATCH_NORM),
        "classifier": _CLASSIFIER,
    },
    players={
        "autoencoder": Player(  # minus the bound in nats an image, for a decoder of unit variance
            trains=("encoder", "decoder"),
            terms={
                "rec": Term(use="match", options={"reduction": "sum"}),
                "kl": Term(limit=1e6, options={"reduction": "sum"}),
            },
            optimizer=Optimizer(name="adam", lr=2e-4),
        ),
        "classifier": _CLASSIFYING,
    },
    predictor="classifier",
    latent_dim=200,
    batch_size=64,
    steps=20_000,
)
