"""What trackers are told of a training: every logged step once, whatever came between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attredit.errors import RunError, UsageError
from attredit.launch import resume, train
from attredit.training.observer import Observer


class Impatient(Observer):
    """Interrupts a training between two checkpoints."""

    def on_step(self, step: int) -> None:
        if step == 7:
            raise KeyboardInterrupt


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A tracker of accelerate's kind, which remembers what it was told; returns those that were opened."""
    from accelerate import tracking

    opened = []

    class Standin(tracking.GeneralTracker):  # type: ignore[misc]
        name, requires_logging_directory = "standin", False
        fails = False

        def __init__(self, project: str) -> None:
            super().__init__()
            self.project, self.steps, self.configured, self.finished = project, list[int](), {}, False
            opened.append(self)

        @property
        def tracker(self) -> Any:
            return self.steps

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            self.configured = values

        def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
            if Standin.fails:
                raise OSError("its server\nis away")
            assert "autoencoder/rec" in values
            assert "step" not in values
            self.steps.append(step)  # type: ignore[arg-type]

        def finish(self) -> None:
            self.finished = True

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "standin", Standin)
    return opened


def events(run: Path) -> Mapping[str, list[int]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "tensorboard")).Reload()
    return {name: [event.step for event in read.Scalars(name)] for name in read.Tags()["scalars"]}


def test_each_step_is_told_once_even_after_an_interruption(request_for: Any, tmp_path: Path, standin: Any) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(request_for(log=["tensorboard", "standin"]), observers=[Impatient()])
    assert [line["step"] for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())] == [2, 4, 6]
    assert events(run)["autoencoder/rec"] == standin[0].steps == [2, 4]  # step 6 comes again
    resume(run, device="cpu")
    found = events(run)
    assert found["autoencoder/rec"] == [2, 4, 6, 8]
    assert set(found) == set(json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])) - {"step"}
    # What is due at every fourth step has no figure at others.
    seldom = {name: steps for name, steps in found.items() if steps != [2, 4, 6, 8]}
    assert seldom == {"autoencoder/class_edit": [4, 8], "autoencoder/rec_edited": [4, 8]}
    assert [(one.project, one.steps, one.finished) for one in standin] == [
        ("attredit", [2, 4], True),
        ("attredit", [6, 8], True),
    ]
    assert standin[0].configured["seed"] == 0
    assert standin[1].configured == {}


def test_what_a_kill_kept_from_trackers_is_told_later(request_for: Any, tmp_path: Path, standin: Any) -> None:
    run = train(request_for())
    assert not (run / "trackers.json").exists()
    assert not (run / "tensorboard").exists()
    resume(run, device="cpu", log=["standin"])  # named for the first time, of a run that is over
    (run / "trackers.json").write_text(json.dumps({"standin": {"step": 4, "id": "0"}}))
    resume(run, device="cpu")
    assert [one.steps for one in standin] == [[2, 4, 6, 8], [6, 8]]


def test_a_tracker_that_fails_is_a_sentence_and_costs_no_step(request_for: Any, tmp_path: Path, standin: Any) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    LOGGER_TYPE_TO_CLASS["standin"].fails = True
    with pytest.raises(RunError, match=r"tracker standin failed: its server is away Mend .*--log standin"):
        train(request_for(log=["standin"]))
    LOGGER_TYPE_TO_CLASS["standin"].fails = False
    resume(tmp_path / "run", device="cpu")
    assert standin[-1].steps == [2, 4, 6, 8]


def test_unknown_trackers_and_missing_packages_are_refused_before_anything_is_made(
    request_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(UsageError, match="pip install wandb"):
        train(request_for(log=["wandb"]))
    with pytest.raises(UsageError, match=r"no tracker 'tensorbord'\. Did you mean tensorboard"):
        train(request_for(log=["tensorbord"]))
    assert not (tmp_path / "run").exists()


def test_nothing_of_trackers_is_imported_before_one_is_named(request_for: Any) -> None:
    code = "import sys, attredit.launch; sys.exit(any(m in sys.modules for m in ('tensorboard', 'wandb', 'mlflow')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_card_tells_nobody_to_use_the_trackers_of_its_author(request_for: Any, tmp_path: Path, standin: Any) -> None:
    run = train(request_for(log=["standin"], steps=1))
    assert "--log standin" not in (run / "README.md").read_text()
