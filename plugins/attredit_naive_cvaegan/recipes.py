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
