"""Attributes of images, and how they become numbers.

A *label* is an integer per attribute (B, n): the index of its value, or `MISSING`. The *conditioning vector* (B, A) is
what decoders read and label heads predict: one column for a binary attribute, one per value for a categorical one. Of a
missing label all columns are NaN, which no arithmetic takes for a value: what is made of them is NaN, too, and `loss`
leaves it out. This module is the only place that knows how labels become columns. It imports torch only for
annotations, so the command line can list attributes without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attredit.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    from torch import Tensor

BINARY = ("0", "1")

MISSING = -1
"""The label of an attribute that nobody has labelled."""


@dataclass(frozen=True)
class Attribute:
    """One attribute: its name and the names of its values, in label order."""

    name: str
    values: tuple[str, ...] = BINARY

    @property
    def binary(self) -> bool:
        """True when one column and one logit are enough."""
        return len(self.values) == 2

    @property
    def numbered(self) -> bool:
        """True when numbers are names of its values, and not their positions: a folder for each of classes 1, 2, 3."""
        return self.values != tuple(map(str, range(len(self.values)))) and any(map(_is_number, self.values))

    def asked(self, value: Any) -> Any:
        """What a user means by a value: of numbers that are names, the name.

        Raises:
            UsageError: a number that is no name, where others are.
        """
        if not self.numbered or (isinstance(value, str) and value in self.values):
            return value
        text = value if isinstance(value, str) or not _is_number(value) else f"{float(value):g}"
        if text not in self.values:
            raise UsageError(
                f"{value!r} is no value of {self.name}.", f"Its values are called {', '.join(self.values)}."
            )
        return text

    @property
    def width(self) -> int:
        """Columns of the conditioning vector that belong to this attribute."""
        return 1 if self.binary else len(self.values)

    def whole(self, columns: Tensor) -> Tensor:
        """Wanted columns (B, width) to (B, K): 1 for the value that is asked for in full, if any is."""
        return _beside([columns <= 0, columns >= 1]).to(columns.dtype) if self.binary else columns

    def shares(self, probabilities: Tensor) -> Tensor:
        """This attribute's columns (B, width) of probabilities to (B, K): of each value."""
        return _beside([1.0 - probabilities, probabilities]) if self.binary else probabilities


@dataclass(frozen=True)
class AttributeSchema:
    """An ordered set of attributes.

    Raises:
        DataError: two attributes share a name, or an attribute has fewer than two values.
    """

    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise DataError(f"Attribute names appear twice: {', '.join(twice)}.")
        for attribute in self.attributes:
            if len(attribute.values) < 2:
                raise DataError(f"Attribute {attribute.name} needs at least two values, has {len(attribute.values)}.")

    @classmethod
    def of_binary(cls, names: Iterable[str]) -> AttributeSchema:
        """A schema of binary attributes, the common case."""
        return cls(tuple(Attribute(name) for name in names))

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> AttributeSchema:
        """The inverse of `to_json`."""
        return cls(tuple(Attribute(item["name"], tuple(item["values"])) for item in data))

    def to_json(self) -> list[dict[str, Any]]:
        """Plain lists and dictionaries, for config.json."""
        return [{"name": a.name, "values": list(a.values)} for a in self.attributes]

    def __len__(self) -> int:
        return len(self.attributes)

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)

    @property
    def names(self) -> tuple[str, ...]:
        """Attribute names in label order."""
        return tuple(a.name for a in self.attributes)

    @property
    def width(self) -> int:
        """A: width of the conditioning vector."""
        return sum(a.width for a in self.attributes)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Each attribute's columns in the conditioning vector."""
        ends, end = [], 0
        for a in self.attributes:
            ends.append(slice(end, end + a.width))
            end += a.width
        return tuple(ends)

    def index(self, name: str) -> int:
        """Position of an attribute.

        Raises:
            UsageError: no attribute has that name; the message names the nearest and lists all.
        """
        if name not in self.names:
            raise UsageError(f"Unknown attribute {name!r}.", nearest(name, self.names))
        return self.names.index(name)

    def select(self, names: Iterable[str]) -> AttributeSchema:
        """The schema of some attributes, in the given order.

        Raises:
            UsageError: an unknown name.
        """
        return AttributeSchema(tuple(self.attributes[self.index(n)] for n in names))

    def asked(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """A user's request, in which names of values go before their positions: what `wanted` takes.

        Raises:
            UsageError: an unknown attribute or value; or a number that is no name, where others are.
        """
        found = {name: self.attributes[self.index(name)].asked(value) for name, value in changes.items()}
        self.wanted(found)
        return found

    def wanted(self, changes: Mapping[str, Any]) -> dict[int, list[float]]:
        """Turn a request, such as ``{"Smiling": 1, "Hair": "blond"}``, into columns of each named attribute.

        Binary values may be any number (in-between and beyond are allowed) or a value's name; categorical ones are a
        value's name or index.

        Raises:
            UsageError: an unknown attribute or value.
        """
        result = {}
        for name, value in changes.items():
            i = self.index(name)
            result[i] = _columns_of(self.attributes[i], value)
        return result

    def named(self, row: Sequence[float]) -> dict[str, Any]:
        """Columns (A,) by attribute: a number for a binary one, numbers by value's name for a categorical one."""
        result: dict[str, Any] = {}
        for a, where in zip(self.attributes, self.columns, strict=True):
            result[a.name] = row[where][0] if a.binary else dict(zip(a.values, row[where], strict=True))
        return result

    # --- tensors -------------------------------------------------------------------------------------------------

    def encode(self, labels: Tensor) -> Tensor:
        """Labels (B, n) of integers to the conditioning vector (B, A) of floats; NaN where a label is missing."""
        parts = []
        for i, a in enumerate(self.attributes):
            column = labels[:, i : i + 1]
            part = column.float() if a.binary else _one_hot(column, a.width)
            parts.append(part.masked_fill(column == MISSING, math.nan))
        return _beside(parts)

    def known(self, attrs: Tensor) -> Tensor:
        """(B, n) floats: 1 where an attribute's columns (B, A) are known, 0 where they are NaN."""
        first = attrs if len(self) == self.width else _beside([attrs[:, c.start : c.start + 1] for c in self.columns])
        return (~first.isnan()).float()

    def decode(self, attrs: Tensor) -> Tensor:
        """The conditioning vector (B, A), of logits' probabilities or of codes, to the nearest labels (B, n)."""
        return self._each(attrs, lambda a, own: (own > 0.5).long() if a.binary else own.argmax(1, keepdim=True))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits (B, A) to probabilities (B, A): sigmoid for binary, softmax within each categorical attribute."""
        if len(self) == self.width:
            return logits.sigmoid()
        return self._each(logits, lambda a, own: own.sigmoid() if a.binary else own.softmax(1))

    def loss(self, logits: Tensor, target: Tensor, share: Tensor | None = None) -> Tensor:
        """Cross-entropy of logits (B, A) with targets (B, A) that may be soft: batch mean, averaged over attributes.

        Binary attributes contribute binary cross-entropy (the paper's equations 5 to 7), categorical ones the
        cross-entropy over their values. What is unknown, NaN in `target`, drops out: an attribute's mean is over the
        images of which it is known, and 0, with gradient 0, where there are none. Terms ask `BatchView.loss`, which is
        right on several processes too.

        Args:
            logits: (B, A).
            target: (B, A); NaN where it is unknown.
            share: (n,) of the images, over all processes, of which each attribute is known; counted in `target` when
                None.
        """
        import torch.nn.functional as F

        known = self.known(target)
        share = known.mean(0) if share is None else share
        # Where all is known these are ones, which change no bit. A weight, not a choice of rows: that would have to
        # wait for the device.
        weight = known / share.clamp(min=1e-12)
        target = target.masked_fill(target.isnan(), 0.0)
        if len(self) == self.width:
            return F.binary_cross_entropy_with_logits(logits, target, weight)
        total = logits.new_zeros(())
        for i, (a, c) in enumerate(zip(self.attributes, self.columns, strict=True)):
            one, want, each = logits[:, c], target[:, c], weight[:, i : i + 1]
            # The cross-entropy is linear in its target.
            part = (
                F.binary_cross_entropy_with_logits(one, want, each) if a.binary else F.cross_entropy(one, each * want)
            )
            total = total + part
        return total / len(self)

    def uniform(self, attrs: Tensor) -> Tensor:
        """The target that carries no information, shaped as attrs: 1/2, or 1/K for each of K values; NaN stays NaN."""
        return self._each(attrs, lambda a, own: 0.0 * own + (0.5 if a.binary else 1.0 / a.width))

    def opposite(self, attrs: Tensor) -> Tensor:
        """The target that says "anything but this": 1 - y, spread evenly over the other values; NaN stays NaN."""
        return self._each(attrs, lambda a, own: (1.0 - own) / (1 if a.binary else a.width - 1))

    def _each(self, columns: Tensor, of: Callable[[Attribute, Tensor], Tensor]) -> Tensor:
        """What a function makes of each attribute's columns, side by side."""
        return _beside([of(a, columns[:, c]) for a, c in zip(self.attributes, self.columns, strict=True)])

    def indicators(self, labels: Tensor) -> Tensor:
        """Labels (B, n) to (B, V): one column for every value of every attribute, 1 where the image has it.

        Of a missing label all are 0.
        """
        return _beside([_one_hot(labels[:, i : i + 1], len(a.values)) for i, a in enumerate(self.attributes)])

    def contrasts(self, means: Tensor) -> Tensor:
        """What each column of the conditioning vector adds, (A, F), from the means (V, F) over images of each value.

        With minus without for a binary attribute; for a categorical one the value's own mean, so that a change from one
        value to another adds the difference of the two.
        """
        import torch

        rows = torch.split(means, [len(a.values) for a in self.attributes])
        return torch.cat([m[1:] - m[:1] if a.binary else m for a, m in zip(self.attributes, rows, strict=True)])

    def other(self, labels: Tensor, uniform: Tensor) -> Tensor:
        """Labels (B, n) in which every attribute has another value, chosen by `uniform` (B, n) in [0, 1).

        What is missing stays missing: nobody knows which values are others.
        """
        import torch

        sizes = torch.tensor([len(a.values) for a in self.attributes], device=labels.device)
        shift = 1 + (uniform * (sizes - 1)).long()
        return torch.where(labels == MISSING, labels, (labels + shift) % sizes)


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _beside(columns: Sequence[Tensor]) -> Tensor:
    """Columns of B images each, side by side."""
    import torch

    return torch.cat(list(columns), dim=1)


def _one_hot(labels: Tensor, width: int) -> Tensor:
    """Labels (B, 1) to (B, width) floats; zeros where one is missing."""
    import torch

    return (labels == torch.arange(width, device=labels.device)).float()


def _columns_of(attribute: Attribute, value: Any) -> list[float]:
    """The conditioning columns of one requested value."""
    if isinstance(value, str) and value in attribute.values:
        value = attribute.values.index(value)
    try:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
    except (TypeError, ValueError):
        hint = nearest(str(value), attribute.values) if not attribute.binary else "Use a number, such as 0 or 1."
        raise UsageError(f"{value!r} is no value of {attribute.name}.", hint) from None
    if attribute.binary:
        return [number]
    if number not in range(attribute.width):
        raise UsageError(f"{value!r} is no value of {attribute.name}.", nearest(str(value), attribute.values))
    return [float(i == number) for i in range(attribute.width)]
