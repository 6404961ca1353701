"""fader: Fader Networks, an autoencoder whose latent is a feature map (Lample et al. 2017, arXiv 1706.00409)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_encoders(register: Register) -> None:
    """The paper's encoder."""
    register("fader", "attredit_fader.networks:FaderEncoder", summary="images to a feature map; no sampling, no head")


@hookimpl
def register_decoders(register: Register) -> None:
    """The paper's decoder."""
    register("fader", "attredit_fader.networks:FaderDecoder", summary="attributes as one-hot pairs at every layer")


@hookimpl
def register_factorizers(register: Register) -> None:
    """The paper's latent discriminator."""
    register(
        "latent-discriminator",
        "attredit_fader.discriminator:LatentDiscriminator",
        summary="reads a feature map; the encoder makes it say the opposite (Fader Networks)",
    )


@hookimpl
def register_methods(register: Register) -> None:
    """The method and its presets."""
    register(
        "fader",
        "attredit_fader.recipes:DEFAULT",
        summary="Fader Networks: adversary on a feature map, growing weight (Lample et al. 2017)",
        presets={"paper": "attredit_fader.recipes:PAPER"},
    )
