"""csvae: a latent with a subspace for each attribute (Klys, Snell and Zemel 2018, arXiv 1812.06190)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_methods(register: Register) -> None:
    """The method and its presets."""
    register(
        "csvae",
        "attredit_csvae.recipes:DEFAULT",
        summary="conditional subspace VAE: a subspace for each attribute (Klys et al. 2018)",
        presets={"paper": "attredit_csvae.recipes:PAPER"},
    )
