"""Training on batches in which values are equally frequent: what is drawn, recorded, refused, and exact on resuming."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attredit.errors import DataError, UsageError
from attredit.launch import resume, train, trainer_of
from attredit.training.observer import Observer

SQUARES = {"dataset": "conformance", "attributes": ("Left",), "data_options": {"images": 60}}


def counts(request: Any, names: tuple[str, ...], steps: int = 3) -> list[dict[tuple[int, ...], int]]:
    """How often each combination of labels of these attributes is in each batch."""
    trainer = trainer_of(request)
    labels = trainer.store.label_columns(names)
    found = []
    for step in range(steps):
        rows, times = np.unique(labels[trainer.order.indices(step)], axis=0, return_counts=True)
        found.append(dict(zip(map(tuple, rows.tolist()), times.tolist(), strict=True)))
    return found


def test_batches_are_balanced_on_attributes_that_are_edited_or_not(request_for: Any) -> None:
    for name in ("Smiling", "Male"):
        assert counts(request_for(balance=(name,)), (name,)) == [{(0,): 4, (1,): 4}] * 3


def test_a_categorical_attribute_and_combinations_of_several(request_for: Any) -> None:
    assert (
        counts(request_for(**SQUARES, balance=("Below",), batch_size=9), ("Below",))
        == [{(0,): 3, (1,): 3, (2,): 3}] * 3
    )
    pairs = {(left, below): 2 for left in (0, 1) for below in (0, 1, 2)}
    request = request_for(**SQUARES, balance=("Left", "Below"), batch_size=12)
    assert counts(request, ("Left", "Below")) == [pairs] * 3


def test_the_run_records_what_its_batches_were(request_for: Any, tmp_path: Path) -> None:
    run = train(request_for(**SQUARES, balance=("Below",), steps=2))
    config = json.loads((run / "config.json").read_text())
    assert config["request"]["balance"] == ["Below"]
    data = config["data"]
    assert list(data["prevalence"]) == ["Left", "Below"]
    assert [seen for _, seen in data["prevalence"]["Below"].values()] == pytest.approx([1 / 3] * 3)
    assert sum(share for share, _ in data["prevalence"]["Below"].values()) == pytest.approx(1)
    card = (run / "README.md").read_text()
    assert "| Balanced on | `Below` |" in card
    assert card.count("(33.3 % in batches)") == 3
    plain = train(request_for(steps=2, run_dir=str(tmp_path / "plain")))
    assert "alanced" not in (plain / "README.md").read_text()


def test_a_balanced_run_resumes_to_the_same_bytes(request_for: Any, tmp_path: Path) -> None:
    class Stop(Observer):
        def on_save(self, step: int) -> None:
            raise KeyboardInterrupt

    balance, runs = ("Eyeglasses", "Male"), [tmp_path / name for name in ("whole", "stopped", "plain")]
    train(request_for(run_dir=str(runs[0]), balance=balance))
    with pytest.raises(KeyboardInterrupt):
        train(request_for(run_dir=str(runs[1]), balance=balance), observers=[Stop()])
    resume(runs[1], device="cpu")
    train(request_for(run_dir=str(runs[2])))
    whole, stopped, plain = ((run / "model.safetensors").read_bytes() for run in runs)
    assert stopped == whole
    assert plain != whole


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"balance": ("Eyeglases",)}, UsageError, "Unknown attribute 'Eyeglases'"),
        ({"balance": ("Male", "Male")}, DataError, "Attribute names appear twice: Male"),
        # Of the first three faces, all are labelled Male, and not all Smiling.
        ({"balance": ("Male",), "data_options": {"train": 3}}, DataError, "Attribute Male has no example with value 0"),
    ],
)
def test_what_cannot_be_balanced_is_refused(
    request_for: Any, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    request = request_for(**changes)
    with pytest.raises(error, match=message):
        train(request)
    assert not Path(request.run_dir).exists()
