"""naive-cvaegan: a conditional VAE-GAN with a label head and nothing that factorizes the latent. The base recipe.

And cvae, which has no discriminator and no label head either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_methods(register: Register) -> None:
    """The methods and their presets."""
    register(
        "naive-cvaegan",
        "attredit_naive_cvaegan.recipes:DEFAULT",
        summary="conditional VAE-GAN without information factorization (Creswell et al. 2017, section 4)",
        presets={
            "principal": "attredit_naive_cvaegan.recipes:PRINCIPAL",
            "paper": "attredit_naive_cvaegan.recipes:PAPER",
            "reference": "attredit_naive_cvaegan.recipes:REFERENCE",
        },
    )
    register(
        "cvae",
        "attredit_naive_cvaegan.recipes:CVAE_DEFAULT",
        summary="plain conditional VAE, q(z given x and y) (Kingma et al. 2014, Sohn et al. 2015)",
        presets={"paper": "attredit_naive_cvaegan.recipes:CVAE_PAPER"},
    )
