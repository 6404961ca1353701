"""sprites: outlined shapes drawn by code, with attributes of two and of four values and exact counterfactuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_datasets(register: Register) -> None:
    """Offer `attredit_sprites.source.Sprites` under the name ``sprites``."""
    register(
        "sprites",
        "attredit_sprites.source:Sprites",
        summary="Outlined shapes drawn by code, 32 to 128 pixels, with exact counterfactuals; no download.",
    )
