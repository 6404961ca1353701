"""vae-gan: an unconditional VAE/GAN that edits with attribute vectors (Larsen et al. 2016, arXiv 1512.09300)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_encoders(register: Register) -> None:
    """The paper's encoder."""
    register("larsen", "attredit_vae_gan.networks:LarsenEncoder", summary="three 5x5 stride-2 convolutions, no head")


@hookimpl
def register_decoders(register: Register) -> None:
    """The paper's decoder, with attribute vectors."""
    register(
        "attribute-vectors",
        "attredit_vae_gan.networks:AttributeVectorDecoder",
        summary="unconditional; edits add differences of class means to the latent",
    )


@hookimpl
def register_discriminators(register: Register) -> None:
    """The paper's discriminator."""
    register(
        "larsen", "attredit_vae_gan.networks:LarsenDiscriminator", summary="four 5x5 convolutions, one hidden layer"
    )


@hookimpl
def register_terms(register: Register) -> None:
    """What measures attribute vectors."""
    register(
        "attribute_vectors",
        "attredit_vae_gan.vectors:AttributeVectors",
        summary="keeps the decoder's attribute vectors up to date; no gradient",
    )


@hookimpl
def register_methods(register: Register) -> None:
    """The method and its presets."""
    register(
        "vae-gan",
        "attredit_vae_gan.recipes:DEFAULT",
        summary="unconditional VAE/GAN with attribute vectors (Larsen et al. 2016)",
        presets={"paper": "attredit_vae_gan.recipes:PAPER"},
    )
