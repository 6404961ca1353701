"""Labels of a split, checked: the store holds no label that its schema does not know."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


def read_labels(rows: Dataset, schema: AttributeSchema, where: str) -> np.ndarray:
    """Labels (N, n), int16, columns in schema order; `MISSING` where the source has None or NaN.

    A source's own -1 is refused: it may be what others write 0.

    Args:
        rows: The split.
        schema: Which columns there must be, and how many values each has.
        where: "split train of celeba", for messages.

    Raises:
        DataError: no rows, a column missing, or a value that is no index of the attribute's values; the message names
            the row.
    """
    plain: Any = rows.with_format(None)
    if len(plain) == 0:
        raise DataError(f"There are no images in {where}.", "Give it at least one.")
    missing = [name for name in schema.names if name not in plain.column_names]
    if missing:
        raise DataError(
            f"There is no column {missing[0]} in {where}.", f"Its columns: {', '.join(plain.column_names)}."
        )
    return np.stack([_column(plain[a.name][:], a, where) for a in schema], axis=1)


def _column(values: list[Any], attribute: Attribute, where: str) -> np.ndarray:
    """One attribute's labels (N,), int16."""
    known, column = range(len(attribute.values)), np.asarray(values)
    if column.dtype.kind in "biu":
        missing, good = np.zeros(len(values), bool), np.isin(column, known)
    else:  # None makes an array of objects, text one of text
        missing = np.array([value is None or (isinstance(value, float) and math.isnan(value)) for value in values])
        good = missing | np.array([value in known for value in values])
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"Row {row} of {where} has {values[row]!r} for {attribute.name}.",
            f"Labels are whole numbers from 0 to {len(known) - 1}, or None where one is missing.",
        )
    return np.where(missing, MISSING, column).astype(np.int16)


def nullable(labels: np.ndarray) -> Any:
    """Labels (N,) as a column for `datasets.Dataset.from_dict`: None in place of `MISSING`."""
    import pyarrow as pa  # type: ignore[import-untyped]

    return pa.array(labels, mask=labels == MISSING)
