"""Registered methods, extended by name: only the parts differ."""

from __future__ import annotations

from attredit import Part, Recipe

TIMM = Recipe(extends="ifcvaegan:conv", parts={"encoder": Part(use="timm")})

SKIPS = Recipe(
    extends="ifcvaegan-timm",
    parts={"encoder": Part(use="timm", options={"skips": True}), "decoder": Part(use="unet")},
)

# Four channels a place, as in latent diffusion. A classifier tells the labels: this encoder has no label head.
KL = Recipe(
    extends="cvae",
    parts={"encoder": Part(use="autoencoder-kl"), "decoder": Part(use="autoencoder-kl")},
    latent_dim=4,
)
