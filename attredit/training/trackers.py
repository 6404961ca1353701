"""Trackers that others make, through accelerate: TensorBoard, Weights & Biases, MLflow, Trackio and more.

A tracker is told of steps when a checkpoint holds them, out of metrics.jsonl; trackers.json keeps which was the last.
What a resumed run repeats was then never told, and what was not told comes with the next checkpoint: each arrives once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attredit.errors import RunError, UsageError, nearest
from attredit.files import write_text
from attredit.request import leaves
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer


def require_trackers(names: Sequence[str]) -> None:
    """Make sure that trackers can be used, before hours are spent.

    Raises:
        UsageError: one is unknown, or its package is not installed.
    """
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
    from accelerate.utils import LoggerType

    missing = set(LoggerType.list()) - {str(tracker) for tracker in get_available_trackers()}
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise UsageError(f"There is no tracker {name!r}.", nearest(name, LOGGER_TYPE_TO_CLASS))
        if name in missing:
            raise UsageError(f"The tracker {name} is not installed.", f"Install it: pip install {name}")


class Trackers(Observer):
    """Tells trackers of metrics.

    Args:
        names: Accelerate's names of them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._open = names, dict[str, Any]()

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Open them; one that a resumed run told of before goes on with the same run, where it can."""
        self._run, self._file = run, run.path / "trackers.json"
        self._told: dict[str, Any] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        for name in self._names:
            with _explained(name):
                self._open[name] = self._begun(name, config)
        self.on_save(step)  # a kill may have come between a checkpoint and what is told of it

    def on_save(self, step: int) -> None:
        """Tell of all steps that the checkpoint holds, and remember that they were told of."""
        lines = self._run.metrics()
        for name, tracker in self._open.items():
            told = self._told[name]
            for line in lines:
                if told["step"] < line["step"] <= step:
                    with _explained(name):
                        tracker.log({key: value for key, value in line.items() if key != "step"}, step=line["step"])
            told["step"] = step
        write_text(self._file, json.dumps(self._told, indent=2) + "\n")

    def on_end(self) -> None:
        """Close them."""
        for tracker in self._open.values():
            tracker.finish()

    def _begun(self, name: str, config: RunConfig) -> Any:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        new = name not in self._told
        told = self._told.setdefault(name, {"step": 0, "id": secrets.token_hex(16)})
        made = LOGGER_TYPE_TO_CLASS[name]
        place = [str(self._run.path)] if made.requires_logging_directory else []
        # The former makes a directory of it, and further ones of what was asked for.
        project = "tensorboard" if name == "tensorboard" else "attredit"
        tracker = made(project, *place, **_options(name, self._run.path.name, told, new))
        tracker.start()
        if name == "mlflow":
            told["id"] = tracker.tracker.info.run_id
        if new and project != "tensorboard":
            asked = leaves(config.request.model_dump(mode="json", exclude_none=True))
            tracker.store_init_configuration({k: v if isinstance(v, str | int | float) else str(v) for k, v in asked})
        return tracker


def _options(name: str, title: str, told: dict[str, Any], new: bool) -> dict[str, Any]:
    """What makes a tracker go on with the run that it was told of before."""
    same = {"id": told["id"], "resume": "allow"}
    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"purge_step": told["step"] + 1},
        "wandb": {"name": title, **same},
        "swanlab": {"experiment_name": title, **same},
        "trackio": {"name": f"{title}-{told['id'][:6]}", "resume": "allow"},
        "mlflow": {"run_name": title} if new else {"run_id": told["id"]},
    }
    return options.get(name, {})


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Whatever a tracker raises, in a sentence: what it may be, only it knows."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{error}".split())
        raise RunError(f"The tracker {name} failed: {reason}", f"Mend that, or go on without --log {name}.") from error
