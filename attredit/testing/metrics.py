"""What metrics promise, on an evaluation of seconds: a model of a few steps, a judge of a few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attredit.data import cache_dir
from attredit.devices import device_of
from attredit.editing.editor import Editor, load
from attredit.errors import UsageError
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.judge import judge_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.measure import Measured, measure, plugin_metrics
from attredit.evaluation.table import Table
from attredit.progress import silent
from attredit.runs.data import collection_of
from attredit.runs.directory import RunDirectory
from attredit.testing import make
from attredit.testing.report import Broken, Skipped
from attredit.testing.runs import whole_run
from attredit.testing.workshop import Subject

_IMAGES = 12
_JUDGE = JudgeSettings(width=4, epochs=1, steps=5)


def figures(subject: Subject) -> str:
    """Finite, under names that nothing else has, and the same when asked again."""
    numbers, again = _figures(subject), _figures(subject)
    if not numbers:
        raise Broken("one number or more, by name", "none")
    for name, value in numbers.items():
        if again.get(name) != value:
            raise Broken(f"the same {name} of the same model and images", f"{value}, and then {again.get(name)}")
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _figures(subject: Subject) -> dict[str, float]:
    """What it gives, a mean of what it gives of every image."""
    editor, data, own = subject.place.once("evaluation", lambda: _evaluation(subject))
    found = Measured(Table(len(data)), Table(len(data)), reasons=dict.fromkeys(own, ""))
    figures = plugin_metrics([subject.it], editor, data, silent, found)
    if reasons := [reason for reason in found.reasons.values() if reason]:
        raise Broken("finite numbers", " ".join(reasons))
    return {name: estimate.value for name, estimate in {**figures, **found.table.metrics()}.items()}


def _evaluation(subject: Subject) -> tuple[Editor, EvaluationData, set[str]]:
    """A model of the first method that trains, what it is evaluated on, and the names of the core's own metrics."""
    run = RunDirectory(_run(subject))
    editor, config = load(run.path), run.config()
    collection = collection_of(subject.registry, config)
    train, test, source = collection.store("train"), collection.store("test"), collection.source
    judge = judge_of(train, cache=cache_dir(), device=device_of("cpu"), settings=_JUDGE)
    indices = np.arange(min(len(test), _IMAGES))
    data = EvaluationData("test", indices, test, train, source.schema, source, judge)
    return editor, data, measure(editor, data, silent).names


def _run(subject: Subject) -> str:
    refused = ""
    for method, preset, _ in make.every_recipe(subject):
        if preset == "default":
            try:
                return str(whole_run(replace(subject, component=method)))
            except (Skipped, UsageError) as error:
                refused = refused or str(error)
    raise Skipped(f"no registered method trains: {refused or 'there is none'}")
