"""ifcvaegan: Conditional Autoencoders with Adversarial Information Factorization (Creswell et al. 2017).

The naive recipe, extended by name, plus a factorization strategy; and the strategies themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_factorizers(register: Register) -> None:
    """The paper's adversary, its bounded variants, and two without an adversary."""
    for name, summary in {
        "minimax": "maximise the adversary's cross-entropy (the paper, equations 11 and 12)",
        "confusion": "make the adversary undecided: cross-entropy with 1/2, bounded",
        "flip": "make the adversary wrong: cross-entropy with 1 - y (Fader Networks)",
        "entropy": "maximise the entropy of the adversary's answer, bounded (CSVAE)",
    }.items():
        register(name, f"attredit_ifcvaegan.adversarial:{name.capitalize()}", summary=summary)
    register(
        "mmd", "attredit_ifcvaegan.mmd:KernelMMD", summary="match the latent's distribution across labels, no adversary"
    )
    register("none", "attredit_ifcvaegan.mmd:NoFactorization", summary="no factorization, for ablations")


@hookimpl
def register_methods(register: Register) -> None:
    """The method, its core alone, and their presets."""
    register(
        "ifcvaegan",
        "attredit_ifcvaegan.recipes:DEFAULT",
        summary="information-factorization cVAE-GAN (Creswell et al. 2017)",
        presets={
            "photo": "attredit_ifcvaegan.recipes:PHOTO",
            "conv": "attredit_ifcvaegan.recipes:CONV",
            "adversarial": "attredit_ifcvaegan.recipes:ADVERSARIAL",
            "paper": "attredit_ifcvaegan.recipes:PAPER",
            "reference": "attredit_ifcvaegan.recipes:REFERENCE",
        },
    )
    register(
        "ifcvae",
        "attredit_ifcvaegan.recipes:CORE_DEFAULT",
        summary="the core of ifcvaegan: no discriminator, no edits in training (Creswell et al. 2017, Figure 1)",
        presets={
            "paper": "attredit_ifcvaegan.recipes:CORE_PAPER",
            "reference": "attredit_ifcvaegan.recipes:CORE_REFERENCE",
        },
    )
