"""The attributes: which factor of a face each decides, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attredit_synthfaces import mouths, styles
from attredit_synthfaces.streams import Draws


def nothing(d: Draws) -> None:
    """Absence that needs no style."""


@dataclass(frozen=True)
class Trait:
    """One attribute: the factor of `Face` that it decides, and the samplers of having and of lacking it."""

    factor: str
    on: Callable[[Draws], Any]
    off: Callable[[Draws], Any]


TRAITS: dict[str, Trait] = {
    "Smiling": Trait("smile", mouths.smiling, nothing),
    "Eyeglasses": Trait("glasses", styles.eyeglasses, nothing),
    "Male": Trait("build", styles.male, styles.female),
    "Blond_Hair": Trait("hair", styles.blond, styles.not_blond),
    "Wearing_Hat": Trait("hat", styles.hat, nothing),
    "Mustache": Trait("moustache", styles.moustache, nothing),
    "Bangs": Trait("fringe", styles.bangs, nothing),
    "Pale_Skin": Trait("skin", styles.pale, styles.toned),
}
"""Every attribute, in label order, under the name that CelebA gives it."""
