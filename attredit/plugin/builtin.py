"""The core's own components, registered through the same hooks as everybody's. Loaded by `attredit.plugin.registry`."""

from __future__ import annotations

from attredit.plugin.hookspecs import Register, hookimpl

attredit_api = 1


@hookimpl
def register_terms(register: Register) -> None:
    """The loss terms of the paper, and the few that its relatives share."""
    for name, summary in {
        "rec": "reconstruction (equation 3)",
        "rec_edited": "reconstruction where edits change the image",
        "gan": "discriminator on real, reconstructed and sampled images (equation 4)",
        "gan_generator": "non-saturating side of the generator",
        "match": "reconstruction in pixels or in a network's features (Larsen et al. 2016, Bao et al. 2017)",
        "class": "label head against the labels (equation 5)",
        "class_rec": "label head on the reconstruction (equation 6)",
        "class_edit": "label head on the edit, against what was asked for",
        "residual": "how much an edit changes of the image",
        "kl": "divergence of the latent from N(0, I) (equation 8)",
        "penalty": "what a factorizer asks of the encoder",
        "fit": "what a factorizer's own network minimises (equation 7)",
    }.items():
        register(name, f"attredit.training.losses:{name}_", summary=summary)


@hookimpl
def register_compositors(register: Register) -> None:
    """How edits are blended where a recipe has no other."""
    register("blend", "attredit.editing.composite:Blend", summary="a soft mask, colours fitted, two bands; no weights")


@hookimpl
def register_datasets(register: Register) -> None:
    """What plugins are checked on."""
    register(
        "conformance", "attredit.testing.squares:Squares", summary="bright and dark squares, for checks of plugins"
    )
