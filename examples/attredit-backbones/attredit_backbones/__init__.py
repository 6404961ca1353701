"""backbones: networks that people already have, as parts of attredit's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_encoders(register: Register) -> None:
    """Any model of timm; and the encoder of AutoencoderKL."""
    register("timm", "attredit_backbones.timm_encoder:TimmEncoder", summary="any model of timm", needs=("timm",))
    register(
        "autoencoder-kl",
        "attredit_backbones.autoencoder_kl:KLEncoder",
        summary="the autoencoder of latent diffusion (Rombach et al. 2022): a feature map for a latent",
        needs=("diffusers",),
    )


@hookimpl
def register_decoders(register: Register) -> None:
    """One that reads skip connections; and the decoder of AutoencoderKL."""
    register("unet", "attredit_backbones.unet:UNetDecoder", summary="the way up of a U-Net, with any encoder's skips")
    register(
        "autoencoder-kl",
        "attredit_backbones.autoencoder_kl:KLDecoder",
        summary="the autoencoder of latent diffusion (Rombach et al. 2022)",
        needs=("diffusers",),
    )


@hookimpl
def register_methods(register: Register) -> None:
    """Registered methods with these parts."""
    register(
        "ifcvaegan-timm",
        "attredit_backbones.recipes:TIMM",
        summary="ifcvaegan, encoded by a model of timm",
        presets={"skips": "attredit_backbones.recipes:SKIPS"},
    )
    register("cvae-kl", "attredit_backbones.recipes:KL", summary="cvae with the autoencoder of latent diffusion")
