"""The bound of Klys et al. 2018, and the adversary whose entropy the encoder maximises."""

from __future__ import annotations

from attredit import Optimizer, Part, Player, Recipe, Term

_SUBSPACES = Part(use="subspaces", options={"width": 16})

DEFAULT = Recipe(
    extends="cvae",
    parts={
        "encoder": _SUBSPACES,
        "decoder": _SUBSPACES,
        "factorizer": Part(use="entropy", options={"normalize": True, "width": 256}),
    },
    players={
        "autoencoder": Player(
            trains=("encoder", "decoder"),
            terms={
                "kl": Term(weight=0.008, limit=1e4, options={"of": "content"}),
                "style_kl": Term(use="kl", weight=0.001, limit=1e4, options={"of": "styles"}),
                "penalty": Term(weight=0.2),
            },
        ),
        "auxiliary": Player(
            trains=("factorizer",), terms={"fit": Term()}, optimizer=Optimizer(name="adam", lr=1e-3), repeats=4
        ),
    },
    style_dim=8,
)

_NETWORKS = {"width": 64, "linear_size": 0, "norm": "batch"}

PAPER = Recipe(
    extends="cvae:paper",
    parts={
        "encoder": Part(use="subspaces", options={**_NETWORKS, "style_width": 64}),
        "decoder": Part(use="subspaces", options=_NETWORKS),
        "factorizer": Part(use="entropy"),
    },
    players={
        "autoencoder": Player(  # minus the bound in nats an image, and minus the entropy of the adversary's answer
            trains=("encoder", "decoder"),
            terms={
                "kl": Term(limit=1e6, options={"of": "content", "reduction": "sum"}),
                "style_kl": Term(use="kl", limit=1e6, options={"of": "styles", "reduction": "sum"}),
                "penalty": Term(options={"attributes": "sum"}),
            },
        ),
        "auxiliary": Player(
            trains=("factorizer",),
            terms={"fit": Term()},
            optimizer=Optimizer(name="adam", lr=2e-4),
        ),
    },
    style_dim=2,
)
