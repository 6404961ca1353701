"""cvae-gan: fine-grained generation through asymmetric training (Bao et al. 2017, arXiv 1703.10155)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_terms(register: Register) -> None:
    """The generator's matching of means, its substitute for an adversarial loss."""
    register("match_mean", "attredit_cvae_gan.matching:match_mean", summary="mean features of images and of samples")
    register(
        "match_classes",
        "attredit_cvae_gan.matching:ClassMeanMatching",
        summary="mean features of each class, as moving averages",
    )


@hookimpl
def register_methods(register: Register) -> None:
    """The method and its presets."""
    register(
        "cvae-gan",
        "attredit_cvae_gan.recipes:DEFAULT",
        summary="class-reading encoder, separate classifier, feature matching (Bao et al. 2017)",
        presets={"paper": "attredit_cvae_gan.recipes:PAPER"},
    )
