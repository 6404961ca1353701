"""IFcVAEGAN: the naive recipe with a factorization strategy (equation 12); and its core without the rest."""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Schedule, Term

ALPHA, BETA, GAMMA = 0.2, 0.0, 1.0  # the paper's best model (Table 1, first row); equation 12 has no gamma

_AUXILIARY = Player(trains=("factorizer",), terms={"fit": Term()}, optimizer=Optimizer(name="rmsprop", lr=2e-4))


DEFAULT = Recipe(
    extends="naive-cvaegan:principal",
    parts={"factorizer": Part(use="confusion", options={"normalize": True, "width": 256})},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "penalty": Term(weight=0.0015, options={"attributes": "sum"}),
                "kl": Term(weight=0.003, limit=1e4),
                # Half of what the label head learns is damaged images: photographs differ more than those of training.
                "class": Term(weight=0.05),
                "class_damaged": Term(use="class", weight=0.05, options={"of": "damaged"}),
                # The decoder alone answers for its edits: they read as asked for, and are drawn as well as anything.
                "class_edit": Term(
                    weight=0.03,
                    only=("decoder",),
                    every=4,
                    options={"of": "blended", "attributes": "sum", "put_on": False},
                ),
                "rec_edited": Term(weight=10.0, only=("decoder",), every=4),
            },
        ),
        # A weak adversary is fooled without any information being removed: it learns several times a step.
        "auxiliary": Player(
            trains=("factorizer",),
            terms={"fit": Term()},
            optimizer=Optimizer(name="adam", lr=1e-3, options={"betas": [0.5, 0.99]}),
            repeats=4,
        ),
    },
    # What only images with an attribute have, such as which glasses; an edit in training wears another image's.
    style_dim=8,
    styles="batch",
    steps=2200,
)

# For photographs: longer, and content must not tell which glasses there are; else whatever style it is given, it is
# drawn with its own, and that put on unasked is the mean of all.
PHOTO = Recipe(
    extends="ifcvaegan:default",
    parts={"factorizer": Part(use="confusion", options={"styles": 2.0}), "compositor": Part(use="refiner")},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                # So long a training would have the label head know its images by heart, and be pleased by any edit.
                "class": Term(weight=0.02),
                "class_damaged": Term(use="class", weight=0.08, options={"of": "damaged"}),
                # An edit that is undone has a truth, the image: with its own style, content finds its way back to it.
                "rec_undone": Term(use="rec", weight=1.0, every=2, options={"of": "undone"}),
                "rec_edited_undone": Term(use="rec_edited", weight=10.0, every=2, options={"of": "undone"}),
            },
        ),
        # What the decoder draws softly is drawn again, of edits of which the truth is known.
        "refiner": Player(
            trains=("compositor",),
            terms={
                "refine": Term(),
                "refine_restored": Term(use="refine", options={"of": "restored"}),
            },
            optimizer=Optimizer(name="adam", lr=Schedule(kind="cosine", start=2e-3, end=1e-5)),
            every=2,
            start=1000,
        ),
    },
    steps=5000,
)

# On the networks that most other methods have by default.
CONV = Recipe(
    extends="naive-cvaegan",
    parts={"factorizer": Part(use="mmd")},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "penalty": Term(weight=0.1),
                # The decoder alone answers for its edits: they show what was asked for, and little else.
                "class_edit": Term(weight=0.01, only=("decoder",), every=2),
                "residual": Term(weight=0.05, only=("decoder",), every=2),
            },
        ),
        "auxiliary": Player(trains=("factorizer",), terms={"fit": Term()}, optimizer=Optimizer(name="adam", lr=1e-3)),
    },
)

# That with a discriminator, which sharpens what the decoder draws and joins when there is something to judge.
# benchmarks/discriminator.toml compares the two.
_JOINS = 700
ADVERSARIAL = Recipe(
    extends="ifcvaegan:conv",
    parts={"discriminator": Part(use="conv", options={"width": 16})},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "gan_generator": Term(
                    weight=Schedule(kind="constant", end=0.01, begin=_JOINS), only=("decoder",), every=2
                ),
            },
        ),
        "discriminator": Player(
            trains=("discriminator",),
            terms={"gan": Term(every=2)},
            optimizer=Optimizer(name="adam", lr=2e-4, options={"betas": [0.5, 0.999]}),
            start=_JOINS,
        ),
    },
)

PAPER = Recipe(
    extends="naive-cvaegan:paper",
    parts={"factorizer": Part(use="minimax")},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "kl": Term(weight=ALPHA, limit=1e4),
                "class_rec": Term(weight=BETA, options={"target": "predicted"}),
                "aux": Term(use="penalty", weight=GAMMA),
            },
        ),
        "auxiliary": _AUXILIARY,
    },
)

REFERENCE = Recipe(
    extends="naive-cvaegan:reference",
    parts={"factorizer": Part(use="minimax", options={"resample": True})},
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "kl": Term(weight=ALPHA, limit=1e6),
                "aux": Term(use="penalty", weight=GAMMA),
            },
        ),
        "auxiliary": _AUXILIARY,
    },
)

# The blue core of Figure 1: a VAE with a label head and a factorization of its latent, and nothing else.
CORE_DEFAULT = Recipe(
    extends="ifcvaegan:conv",
    without=("players.autoencoder.terms.class_edit", "players.autoencoder.terms.residual"),
)

_DISCRIMINATOR = ("parts.discriminator", "players.discriminator", "players.autoencoder.terms.gan")

CORE_PAPER = Recipe(extends="ifcvaegan:paper", without=_DISCRIMINATOR)

CORE_REFERENCE = Recipe(extends="ifcvaegan:reference", without=_DISCRIMINATOR)
