"""Which other attributes an edit moves, and whether the data's own correlation explains it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import Attribute, AttributeSchema
from attredit.data import Store
from attredit.evaluation.editing import Edits, Seen
from attredit.evaluation.judge import Reading
from attredit.evaluation.result import Movement
from attredit.evaluation.table import Table

MOVED, TRUE = "off_target_matrix", "off_target_true"


def off_target(schema: AttributeSchema, seen: Seen, attribute: Attribute, edits: Edits, table: Table) -> None:
    """Note what a chunk's edits of one attribute do to all others."""
    note_movements(MOVED, schema, attribute, seen.rows, edits.asked, seen.judged_rec, edits.judged, table)


def note_movements(
    kind: str,
    schema: AttributeSchema,
    attribute: Attribute,
    rows: np.ndarray,
    asked: Tensor,
    before: Reading,
    after: Reading,
    table: Table,
) -> None:
    """Note how probabilities changed between two readings of B images, by edited and other attribute.

    Args:
        kind: `MOVED` or `TRUE`.
        schema: Of all attributes of the data.
        attribute: The edited one.
        rows: (B,) positions among the evaluated images.
        asked: (B,) labels that were edited to.
        before: The judge's, of the unedited images.
        after: Of the edited ones.
        table: Where figures go, as ``KIND/OTHER`` of the edited attribute.
    """
    change = schema.probabilities(after.logits) - schema.probabilities(before.logits)
    for row, directions in _rows(attribute):
        for column, (value, sign) in enumerate(directions):
            chosen = asked == value
            where = rows[chosen.cpu().numpy()]
            for other, place in _others(schema, attribute):
                moved = sign * change[chosen, place]
                table.put(f"{kind}/{other}", row, where, moved, column=column, columns=len(directions))


def matrix(
    edited: AttributeSchema, schema: AttributeSchema, train: Store, table: Table
) -> dict[str, dict[str, Movement]]:
    """The matrix, by edited and other attribute; cells of which the evaluated images say nothing are left out."""
    labels = torch.from_numpy(np.asarray(train.labels, np.int64))
    given = schema.encode(labels)
    found: dict[str, dict[str, Movement]] = {}
    for attribute in edited:
        own = labels[:, schema.index(attribute.name)]
        for row, directions in _rows(attribute):
            cells = {}
            for other, place in _others(schema, attribute):
                moved = table.figures[f"{MOVED}/{other}"].of(row)
                if moved is not None:
                    true = table.figures.get(f"{TRUE}/{other}")
                    correlated = _correlated(given[:, place], own, len(attribute.values), directions)
                    left = None if correlated is None else moved.beyond(*sorted((0.0, correlated)))
                    cells[other] = Movement(moved, true.of(row) if true else None, correlated, left)
            found[row] = cells
    return found


def _rows(attribute: Attribute) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Rows of the matrix, one of a binary attribute and one per value of a categorical one; (value, sign) of edits."""
    if attribute.binary:
        yield attribute.name, [(0, -1), (1, 1)]
    else:
        yield from ((f"{attribute.name}={name}", [(value, 1)]) for value, name in enumerate(attribute.values))


def indicators(schema: AttributeSchema) -> Iterator[tuple[str, int, int]]:
    """What matrices have figures of: a name, the attribute's place, and a value of it; all of a categorical one."""
    for place, attribute in enumerate(schema):
        if attribute.binary:
            yield attribute.name, place, 1
        else:
            yield from ((f"{attribute.name}={name}", place, value) for value, name in enumerate(attribute.values))


def _others(schema: AttributeSchema, edited: Attribute) -> Iterator[tuple[str, int]]:
    """Names of the other attributes, by value where categorical, and their columns among probabilities."""
    for name, place, value in indicators(schema):
        attribute = schema.attributes[place]
        if attribute.name != edited.name:
            yield name, schema.columns[place].start + (0 if attribute.binary else value)


def _correlated(other: Tensor, own: Tensor, count: int, directions: list[tuple[int, int]]) -> float | None:
    """Difference of P(other) among training labels between values edited to and from; edits are to the next value.

    Of images that have both labels; None where a value has no such image.
    """
    shares = torch.stack([other[own == value].nanmean() for value in range(count)])
    if shares.isnan().any():
        return None
    return float(sum(sign * (shares[value] - shares[value - 1]) for value, sign in directions)) / len(directions)
