"""Reads a table of labels as it was written: text stays text, so that no reader guesses what a value means."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attredit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_HINT = "It must be a CSV, TSV, JSON lines or parquet file with a line of column names."


def read_table(path: Path) -> pd.DataFrame:
    """A table with texts where the file has text; column names without spaces around them.

    A byte order mark, Windows line ends and spaces around values are tolerated.

    Raises:
        DataError: it cannot be read, has no rows, a row with more values than there are names, or two columns of one
            name.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    from pandas.errors import EmptyDataError, ParserError

    try:
        table = _read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.", "Make it readable.") from error
    except (EmptyDataError, ParserError, ValueError, pa.ArrowException) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is no table: {said}.", _HINT) from error
    if not len(table):
        raise DataError(f"{path} has no rows.", "Give it one for each image.")
    names = [str(name).strip() for name in table.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns {twice!r}.", "Rename one.")
    return table.set_axis(names, axis="columns")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    kind = path.suffix.lower()
    if kind == ".parquet":
        return pd.read_parquet(path)
    if kind == ".jsonl":
        import pyarrow.json as pj  # type: ignore[import-untyped]

        text = path.read_text("utf-8-sig")
        frame: pd.DataFrame = pj.read_json(BytesIO(text.encode())).to_pandas()
        return frame
    # Without a header, for pandas would rename columns that are there twice and take a long row's first value for an
    # index.
    rows = pd.read_csv(path, sep=_separator(path), header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return rows.iloc[1:].set_axis(rows.iloc[0].tolist(), axis="columns").reset_index(drop=True)


def _separator(path: Path) -> str:
    """Tabs in a TSV; in a CSV commas, or semicolons where spreadsheets write those."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open(encoding="utf-8-sig") as file:
        head = file.readline()
    return ";" if ";" in head and "," not in head else ","


def texts_of(column: pd.Series[Any]) -> list[str]:
    """Names in a column, without spaces around them; "" where there is none."""
    return [value.strip() if isinstance(value, str) else "" for value in column]
