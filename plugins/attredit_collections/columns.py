"""From the columns of a table to attributes: which are labels, and what their values mean.

A label is what was written, or it is missing: columns of which it is not certain what they mean are left out, and the
mapping says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit.attributes import BINARY, MISSING, Attribute, AttributeSchema
from attredit.data import BOX, nullable
from attredit.data.source import MappedColumn
from attredit.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

MAX_VALUES = 20
"""More distinct texts than this are taken for free text, unless the column is asked for."""

_PAIRS = (("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("off", "on"), ("absent", "present"))
NOTHING = frozenset(
    {"na", "n/a", "n.a.", "nan", "null", "nil", "none", "unknown", "unk", "missing", "undefined", "?", "-", "--", "."}
)
"""Words, in any case, that stand for a missing label beside labels of another kind."""

SPLIT_COLUMNS = frozenset({"split", "set", "subset", "partition", "fold", "phase", "usage", "train", "valid", "test"})
"""Columns of these names, in any case and with anything before them (``data_split``), may say what is for testing."""

# Not all that float() accepts: "nan", "inf" and "1_000" are words.
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Labels:
    """What a table says.

    Attributes:
        schema: The attributes.
        values: (N, n) int16, the index of each row's value; `MISSING` where the table has nothing.
        mapping: What became of each column.
        doubts: What may be meant otherwise, a sentence each; see `Problems.sentences`.
    """

    schema: AttributeSchema
    values: np.ndarray
    mapping: tuple[MappedColumn, ...]
    doubts: tuple[str, ...] = ()

    def columns(self, rows: np.ndarray) -> dict[str, Any]:
        """Some rows' labels, as `datasets.Dataset.from_dict` takes them: None where one is missing."""
        return {a.name: nullable(self.values[rows, j]) for j, a in enumerate(self.schema)}

    def without_label(self) -> np.ndarray:
        """Rows (k,) of which a label is missing."""
        return np.flatnonzero((self.values == MISSING).any(1))


@dataclass(frozen=True)
class Meaning:
    """What the distinct values of a column mean.

    Attributes:
        values: Names of the attribute's values, in label order.
        written: How the table writes each, for people.
        label: The label of each distinct value.
    """

    values: tuple[str, ...]
    written: tuple[str, ...]
    label: tuple[int, ...]


def read_columns(
    table: pd.DataFrame,
    *,
    where: str,
    wanted: Sequence[str] | None = None,
    not_labels: Mapping[str, str] | None = None,
    class_names: Mapping[str, Sequence[str]] | None = None,
    missing: Sequence[str] | None = None,
) -> Labels:
    """Attributes of a table.

    Args:
        table: A row per image.
        where: For messages.
        wanted: Columns that are the attributes, whatever they look like; all that look like labels when None.
        not_labels: Why, by column, for those that are something else.
        class_names: Names of the classes, by column, for columns that hold their indices.
        missing: Values that say that a label is missing; when None, `NOTHING` beside a yes and a no.

    Raises:
        DataError: no column is a label, or one that was asked for cannot be.
        UsageError: a column that was asked for does not exist.
    """
    excluded, named = dict(not_labels or {}), dict(class_names or {})
    for name in wanted or ():
        if name not in table.columns:
            raise UsageError(f"There is no column {name!r} in {where}.", nearest(name, map(str, table.columns)))
    attributes: list[Attribute] = []
    columns: list[np.ndarray] = []
    mapping: list[MappedColumn] = []
    doubts: list[str] = []
    if wanted is None:
        for column in [name for name in table.columns if name not in excluded and names_splits(name)]:
            excluded[column] = "may name splits"
            doubts.append(
                f"{where}: column {column} may say which images are for testing, and is left out: call it split, and "
                "what it says train, valid and test; or, if it is an attribute, name all with --data-option columns=."
            )
    for column in table.columns:
        if wanted is not None and column not in wanted:
            mapping.append(MappedColumn(column, reason=excluded.get(column, "not asked for")))
            continue
        classes = named.get(column)
        # Classes say themselves, by -1, which of their labels are missing.
        cells, doubt = (table[column], "") if classes else _without_words(table[column], missing)
        found = excluded.get(column) or _read(cells, classes, column in (wanted or ()))
        if isinstance(found, str):
            if wanted is not None:
                raise DataError(f"Column {column} of {where} is no attribute: {found}.", "Choose others with columns=.")
            mapping.append(MappedColumn(column, reason=found))
            continue
        meaning, labels = found
        doubts += [f"{where}: column {column}: {doubt}"] * bool(doubt)
        attributes.append(Attribute(column, meaning.values))
        columns.append(labels)
        unlabelled = int((labels == MISSING).sum())
        mapping.append(MappedColumn(column, column, meaning.written, missing=unlabelled))
    if not attributes:
        said = "; ".join(f"{row.column}: {row.reason}" for row in mapping) or "it has none"
        raise DataError(f"No column of {where} is an attribute ({said}).", "Name some with --data-option columns=A,B.")
    return Labels(AttributeSchema(tuple(attributes)), np.stack(columns, axis=1), tuple(mapping), tuple(doubts))


def listed(columns: str | Sequence[str]) -> list[str]:
    """Names of columns, from a list or a text with commas."""
    parts = columns.split(",") if isinstance(columns, str) else columns
    return [str(part).strip() for part in parts]


def names_splits(column: Any) -> bool:
    """Whether a column is called as one that says which images are for testing."""
    return re.split(r"[\W_]+", str(column).lower())[-1] in SPLIT_COLUMNS


def _without_words(column: pd.Series[Any], missing: Sequence[str] | None) -> tuple[pd.Series[Any], str]:
    """A column with nothing where a word says that there is nothing, and what of that is not certain."""
    try:
        texts = {value: _text(value) for value in column.unique()}
    except TypeError:  # lists, which are no labels
        return column, ""
    if missing is not None:
        return column.mask(column.isin([value for value, text in texts.items() if text in missing]), None), ""
    words = {value: text for value, text in texts.items() if text.lower() in NOTHING}
    if not words:
        return column, ""
    listing, empty = ",".join(sorted(set(words.values()))), column.isin(list(words))
    option = f"--data-option missing={listing}"
    if _is_pair([text for value, text in texts.items() if value not in words and text]):
        return column.mask(empty, None), f"{listing} is taken for a missing label ({empty.sum():,}), as by {option}."
    said = f"{listing} is taken for a value ({empty.sum():,}); if labels are missing there, write {option}"
    return column, f"{said}, else --data-option missing=."


def _is_pair(distinct: Sequence[str]) -> bool:
    """Whether texts are a yes and a no."""
    numbers = {_number(text) for text in distinct}
    return numbers in ({0.0, 1.0}, {-1.0, 1.0}) or {text.lower() for text in distinct} in map(set, _PAIRS)


def _text(value: Any) -> str:
    """A cell as it would be typed."""
    value = _plain(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(column: pd.Series[Any], names: Sequence[str] | None, wanted: bool) -> tuple[Meaning, np.ndarray] | str:
    """What a column means and its labels (N,) int16; or why it is no attribute."""
    import pandas as pd

    if column.name in ("image", BOX):
        return f"an attribute cannot be called {column.name}"
    try:
        codes, uniques = pd.factorize(column)
    except TypeError:
        return "neither text nor numbers"
    # Texts that differ in spaces around them are one.
    merged, distinct = _merged([_plain(value) for value in uniques])
    codes = np.append(merged, -1)[codes]
    written = [i for i, value in enumerate(distinct) if not _says_nothing(value, names)]
    if not written:
        return "empty"
    known = int(np.isin(codes, written).sum())
    meaning = meaning_of([distinct[i] for i in written], known, names=names, wanted=wanted)
    if isinstance(meaning, str):
        missing = len(column) - known
        return f"{meaning}, with {missing:,} of {len(column):,} labels missing" if missing else meaning
    labels = np.full(len(distinct) + 1, MISSING, np.int16)
    labels[written] = meaning.label
    return meaning, labels[codes]


def _says_nothing(value: Any, names: Sequence[str] | None) -> bool:
    """Whether it is no label: an empty text or, of classes, -1, which is what `datasets` has where there is none."""
    return bool(value == "" or (names is not None and value == -1))


def meaning_of(
    distinct: Sequence[Any], rows: int, *, names: Sequence[str] | None = None, wanted: bool = False
) -> Meaning | str:
    """What the distinct values of a column mean; or why it is no attribute.

    Args:
        distinct: Booleans, numbers, or texts without spaces around them; none is missing.
        rows: How many images have one of them.
        names: Of classes, when the values are their indices.
        wanted: Take any values for those of a categorical attribute.
    """
    if not all(isinstance(value, str | bool | Real) for value in distinct):
        return "neither text nor numbers"
    if names is not None:
        return _of_classes(distinct, names)
    if len(distinct) == 1:
        return f"one value only: {_short(distinct[0])}"
    numbers = [_number(value) for value in distinct]
    if all(number is not None for number in numbers):
        for pair in ((0, 1), (-1, 1)):
            if set(numbers) == set(pair):
                return Meaning(BINARY, tuple(_written(distinct, numbers, pair)), tuple(map(pair.index, numbers)))
        if not wanted:
            return "numbers other than 0 and 1; columns= takes each for a value"
        if len(set(numbers)) < len(numbers):
            return "the same number written in several ways"
        return _categories(distinct, np.argsort(np.array(numbers, float), kind="stable"))
    if not all(isinstance(value, str) for value in distinct):
        return "text and numbers mixed"
    folded = [value.lower() for value in distinct]
    for words in _PAIRS:
        if set(folded) == set(words):
            values = BINARY if words == ("false", "true") else words
            return Meaning(values, tuple(_written(distinct, folded, words)), tuple(map(words.index, folded)))
    if not wanted and len(distinct) > MAX_VALUES:
        return f"{len(distinct):,} different texts"
    if not wanted and 2 * len(distinct) > rows:
        return f"text that differs between images: {len(distinct):,} in {rows:,}"
    return _categories(distinct, sorted(range(len(distinct)), key=distinct.__getitem__))


def _of_classes(distinct: Sequence[Any], names: Sequence[str]) -> Meaning | str:
    if len(names) < 2:
        return "it has one class"
    if len(set(names)) < len(names):
        return "two classes have the same name"
    for value in distinct:
        if value not in range(len(names)):
            return f"{value} is the index of no class"
    return Meaning(tuple(names), tuple(names), tuple(int(value) for value in distinct))


def _categories(distinct: Sequence[Any], order: Iterable[Any]) -> Meaning:
    """Each distinct value is a value, in this order of their positions."""
    ranks = {int(position): rank for rank, position in enumerate(order)}
    values = tuple(str(distinct[position]) for position in ranks)
    return Meaning(values, values, tuple(ranks[i] for i in range(len(distinct))))


def _written(distinct: Sequence[Any], read: Sequence[Any], pair: Sequence[Any]) -> list[str]:
    """How the table writes each of a pair."""
    return ["/".join(sorted({str(d) for d, r in zip(distinct, read, strict=True) if r == one})) for one in pair]


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return float(value) if math.isfinite(value) else None


def _merged(values: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    """The position of each value among those that differ, and these."""
    places: dict[Any, int] = {}
    return np.array([places.setdefault(value, len(places)) for value in values], np.int64), list(places)


def _plain(value: Any) -> Any:
    """Without numpy's types, and without spaces around text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value.strip() if isinstance(value, str) else value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:19]}…"
