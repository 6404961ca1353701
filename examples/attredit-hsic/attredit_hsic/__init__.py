"""hsic: keep the attributes out of the latent by a kernel measure of independence; nothing is trained for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_factorizers(register: Register) -> None:
    """The penalty."""
    register("hsic", "attredit_hsic.independence:HSIC", summary="make z and y independent (Gretton et al. 2005)")


@hookimpl
def register_methods(register: Register) -> None:
    """naive-cvaegan with that penalty."""
    register("hsic", "attredit_hsic.independence:RECIPE", summary="naive-cvaegan, its latent factorized by HSIC")
