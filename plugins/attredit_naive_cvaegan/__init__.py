"""naive-cvaegan: a conditional VAE-GAN with a label head and nothing that factorizes the latent. The base recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit.hookspecs import Register

attredit_api = 1


@hookimpl
def register_methods(register: Register) -> None:
    """The method and its presets."""
    register(
        "naive-cvaegan",
        "attredit_naive_cvaegan.recipes:DEFAULT",
        summary="conditional VAE-GAN without information factorization (Creswell et al. 2017, section 4)",
        presets={
            "paper": "attredit_naive_cvaegan.recipes:PAPER",
            "reference": "attredit_naive_cvaegan.recipes:REFERENCE",
        },
    )
