"""What comes out of a column is what was written into it, in whatever way it was written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from attredit.attributes import MISSING
from attredit.errors import DataError, UsageError
from attredit_collections.columns import Labels, read_columns
from attredit_collections.tables import read_table

# How people write no and yes; the attribute's value 1 is the second.
ENCODINGS: tuple[tuple[Any, Any], ...] = (
    (False, True), (0, 1), (-1, 1), (0.0, 1.0), ("0", "1"), ("-1", "1"), ("0.0", "1.0"), ("False", "True"),
    ("no", "yes"), ("No", "Yes"), ("n", "Y"), ("off", "on"), ("absent", "present"), (" no", "yes  "), ("FALSE", "true"),
)  # fmt: skip
TEXT = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=12)
WORD = TEXT.map("a {}".format)  # neither a number nor a yes or no
ROWS = st.lists(st.tuples(TEXT, st.booleans()), min_size=1, max_size=20)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.sampled_from(["1", " 0", "a", "B ", "", " "])
)


def read(**columns: Any) -> Labels:
    return read_columns(pd.DataFrame(columns), where="a table")


def mapped(values: Any, **options: Any) -> tuple[str | None, ...] | str:
    """Names of the values of each row, None where it is missing; or why there are none."""
    try:
        labels = read_columns(pd.DataFrame({"it": values}), where="a table", **options)
    except DataError as error:
        return error.message
    names = labels.schema.attributes[0].values
    missing = labels.values[:, 0] == MISSING
    assert (labels.mapping[0].missing, labels.without_label().tolist()) == (
        missing.sum(),
        np.flatnonzero(missing).tolist(),
    )
    return tuple(None if label == MISSING else names[label] for label in labels.values[:, 0])


@given(st.lists(st.booleans(), min_size=2, max_size=40).filter(lambda v: len(set(v)) == 2), st.sampled_from(ENCODINGS))
def test_binary_labels_in_any_encoding(truth: list[bool], encoding: tuple[Any, Any]) -> None:
    labels = read(it=[encoding[value] for value in truth])
    assert labels.schema.attributes[0].binary
    assert labels.values[:, 0].tolist() == [int(value) for value in truth]


@given(st.lists(WORD, min_size=2, max_size=5, unique_by=str.strip), st.integers(2, 6), st.randoms())
def test_texts_are_values_of_their_own_name(words: list[str], times: int, random: Any) -> None:
    written = words * times
    random.shuffle(written)
    assert mapped(written) == tuple(word.strip() for word in written)


@given(st.data())
def test_indices_of_classes_are_their_names(data: st.DataObject) -> None:
    names = data.draw(st.lists(WORD, min_size=2, max_size=30, unique=True))
    indices = data.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=50))
    assert mapped(indices, class_names={"it": names}) == tuple(names[index] for index in indices)


@given(st.lists(ANYTHING, min_size=1, max_size=12), st.booleans())
def test_the_same_label_means_the_same_was_written(values: list[Any], asked_for: bool) -> None:
    """Of whatever is found in a column: it is left out, or no two values share a label and no value has two."""
    found = mapped(pd.Series(values, dtype=object), wanted=["it"] if asked_for else None)
    if isinstance(found, str):
        return
    meant = [_meant(value) for value in values]
    assert [name is None for name in found] == [meaning is None for meaning in meant]
    pairs = {(name, meaning) for name, meaning in zip(found, meant, strict=True) if name is not None}
    assert len(pairs) == len({name for name, _ in pairs}) == len({meaning for _, meaning in pairs}) > 1


def _meant(value: Any) -> Any:
    """A number for what is one; None for what says nothing."""
    if not isinstance(value, str):
        return None if value is None or value != value else float(value)
    return float(value) if value.strip() in ("0", "1") else value.strip() or None


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=50)
def test_csv_files_are_read_as_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, bool]], newline: str, bom: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    frame = pd.DataFrame(rows, columns=["word", "truth"])
    text = io.StringIO()
    frame.to_csv(text, index=False, lineterminator=newline)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())
    table = read_table(path)
    assert table["word"].tolist() == [word for word, _ in rows]
    assert table["truth"].tolist() == [str(truth) for _, truth in rows]


@pytest.mark.parametrize(
    "values, reason",
    [
        ([1, 0, 2, 1], "numbers other than 0 and 1"),
        ([-1, 0, 1, 1], "numbers other than 0 and 1"),
        ([0.5, 0.25, 0.5], "numbers other than 0 and 1"),
        (["a"] * 4, "one value only: a"),
        ([1, 1, 1], "one value only: 1"),
        (["yes", "yes", None, ""], "one value only: yes, with 2 of 4 labels missing"),
        ([None, None], "empty"),
        ([None, float("nan"), " "], "empty"),
        (["a", "b", None, ""], "text that differs between images: 2 in 2, with 2 of 4 labels missing"),
        ([f"person {i}" for i in range(30)], "30 different texts"),
        (["a", "b", "c"], "text that differs between images"),
        (["a", "a", 1, 1], "text and numbers mixed"),
        ([[1], [2]], "neither text nor numbers"),
        ([pd.Timestamp(0), pd.Timestamp(1)], "neither text nor numbers"),
    ],
)
def test_what_is_no_label_is_left_out_and_said_why(values: list[Any], reason: str) -> None:
    labels = read(it=values, good=[0, 1] * (len(values) // 2) + [0] * (len(values) % 2))
    assert labels.schema.names == ("good",)
    assert [row.column for row in labels.mapping] == ["it", "good"]
    assert reason in labels.mapping[0].reason
    assert labels.mapping[0].attribute is None


def test_classes_that_cannot_be_named_are_left_out() -> None:
    assert "2 is the index of no class" in mapped([0, 2], class_names={"it": ["a", "b"]})
    assert "-2 is the index of no class" in mapped([0, -2], class_names={"it": ["a", "b"]})
    assert "one class" in mapped([0, 0], class_names={"it": ["a"]})
    assert "same name" in mapped([0, 1], class_names={"it": ["a", "a"]})


@pytest.mark.parametrize("nothing", [None, "", "  ", float("nan")])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_empty_is_missing_and_no_value(nothing: Any, encoding: tuple[Any, Any]) -> None:
    values = pd.Series([encoding[1], nothing, encoding[0], nothing], dtype=object)
    labels = read_columns(pd.DataFrame({"it": values}), where="a table")
    assert labels.values[:, 0].tolist() == [1, MISSING, 0, MISSING]
    assert labels.schema.attributes[0].binary
    assert labels.mapping[0].missing == 2


def test_minus_one_is_a_value_unless_datasets_says_that_it_is_none() -> None:
    assert read(it=[-1, 1, -1]).values[:, 0].tolist() == [0, 1, 0]
    assert read(it=pd.array([-1, None, 1], "Int64")).values[:, 0].tolist() == [0, MISSING, 1]
    assert mapped([0, -1, 1], class_names={"it": ["a", "b"]}) == ("a", None, "b")


def test_columns_that_are_asked_for_may_have_any_values() -> None:
    assert mapped([10, 9, 2], wanted=["it"]) == ("10", "9", "2")
    assert read_columns(pd.DataFrame({"it": [10, 9, 2]}), where="", wanted=["it"]).mapping[0].values == ("2", "9", "10")
    names = [f"person {i}" for i in range(30)]
    assert mapped(names, wanted=["it"]) == tuple(names)
    assert "same number written in several ways" in mapped(["2", "2.0", "3"], wanted=["it"])
    with pytest.raises(UsageError, match="no column 'that'"):
        mapped([0, 1], wanted=["that"])


def test_an_attribute_called_image_would_hide_the_images() -> None:
    assert read(image=[0, 1], good=[0, 1]).schema.names == ("good",)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is no table"),
        (b"name,a\n", "has no rows"),
        (b"name,a\nx.png,1,2\n", "is no table: .* line 2"),
        (b"name,a, a \nx.png,1,2\n", "has two columns 'a'"),
        (b"\xff\xfe\x00\x01", "is no table"),
    ],
)
def test_tables_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_semicolons_and_short_rows(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("name; a\nx.png; 1\ny.png\n")
    table = read_table(path)
    assert table.columns.tolist() == ["name", "a"]
    assert table["name"].tolist() == ["x.png", "y.png"]
    assert "it: one value only: 1, with 1 of 2 labels missing" in mapped(table["a"])


@pytest.mark.parametrize("content", ["{", '{"a": 1}\n{"a": "x"}\n', "<html>"])
def test_json_lines_that_are_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match="is no table"):
        read_table(path)
    path.write_text('\ufeff{"a": true}\r\n{"a": false}\r\n')
    assert read_table(path)["a"].tolist() == [True, False]
