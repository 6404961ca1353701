"""synthfaces: cartoon faces drawn by code, with attributes, styles and nuisances that are known exactly.

The default data set: it needs no download and can draw what an edited image should have been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_datasets(register: Register) -> None:
    """Offer `attredit_synthfaces.source.SynthFaces` under the name ``synthfaces``."""
    register(
        "synthfaces",
        "attredit_synthfaces.source:SynthFaces",
        summary="Cartoon faces drawn by code, 32 to 256 pixels, with exact counterfactuals; no download.",
    )
