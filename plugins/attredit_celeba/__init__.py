"""celeba: CelebA (Liu et al. 2015) in the layouts in which people have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_datasets(register: Register) -> None:
    """The data set."""
    register(
        "celeba",
        "attredit_celeba.source:CelebA",
        summary="202,599 photographs of faces, 40 attributes; needs --data-dir",
    )
