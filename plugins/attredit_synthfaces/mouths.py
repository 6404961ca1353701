"""Mouths: at rest, and what a smile does to them. Lengths as in `styles`."""

from __future__ import annotations

from dataclasses import dataclass

from attredit_synthfaces.streams import Draws


@dataclass(frozen=True)
class Mouth:
    """A mouth.

    `lift` is how far its corners stand above its middle, `lower` and `upper` how far it is open, `drop` how much lower
    than usual it is.
    """

    kind: str
    width: float
    lift: float
    upper: float
    lower: float
    lip: float
    dimples: bool = False
    drop: float = 0.0


@dataclass(frozen=True)
class Smile:
    """What a smile does to a mouth: `stretch` widens it, the rest as in `Mouth`."""

    kind: str
    stretch: float
    lift: float
    upper: float
    lower: float
    dimples: bool

    def on(self, rest: Mouth) -> Mouth:
        """The smiling mouth; its size and lips stay those of the face, so that a smile taken off leaves one truth."""
        # A closed smile has nothing but its curve and its lips to be seen by, so no moustache may cover them.
        more = 1.0 if self.kind == "closed" else 0.0
        width, lift, lip = rest.width + self.stretch, self.lift + 0.018 * more, rest.lip + 0.005 * more
        return Mouth(self.kind, width, lift, self.upper, self.lower, lip, self.dimples, 0.045 * more)


def smiling(d: Draws) -> Smile:
    """Closed, with a row of teeth, laughing or grinning; the corners are always clearly up."""
    kind = d.pick(("closed", "teeth", "laugh", "grin"))
    stretch, lift = d.between(0.045, 0.075), d.between(0.07, 0.105)
    lower = {"closed": 0.0, "teeth": d.between(0.03, 0.05), "laugh": d.between(0.07, 0.1), "grin": 0.03}[kind]
    return Smile(kind, stretch, lift, 0.012 if kind == "grin" else 0.0, lower, d.chance(0.5))


def rest(d: Draws) -> Mouth:
    """The mouth when it does not smile: closed, narrow to wide, level or a little down."""
    return Mouth("rest", d.between(0.14, 0.185), d.between(-0.03, 0.0), 0.0, 0.0, d.between(0.018, 0.03))
