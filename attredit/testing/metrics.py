"""What metrics promise, on an evaluation of seconds: a model of a few steps, a judge of a few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attredit.data import cache_dir
from attredit.devices import device_of
from attredit.editing.editor import Editor, load
from attredit.errors import UsageError
from attredit.evaluation import EvaluationData
from attredit.evaluation.judge import judge_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.measure import measure, plugin_metrics
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
    editor, data, taken = subject.place.once("evaluation", lambda: _evaluation(subject))
    first, second = (plugin_metrics([subject.it], editor, data, _silent, taken) for _ in range(2))
    numbers, reasons = first
    if reasons:
        raise Broken("finite numbers", " ".join(reasons.values()))
    if not numbers:
        raise Broken("one number or more, by name", "none")
    for name, estimate in numbers.items():
        again = second[0][name].value if name in second[0] else None
        if again != estimate.value:
            raise Broken(f"the same {name} of the same model and images", f"{estimate.value}, and then {again}")
    return ", ".join(f"{name} {estimate.value:.4g}" for name, estimate in numbers.items())


def _evaluation(subject: Subject) -> tuple[Editor, EvaluationData, set[str]]:
    """A model of the first method that trains, what it is evaluated on, and the names of the core's own metrics."""
    run = RunDirectory(_run(subject))
    editor, config = load(run.path), run.config()
    collection = collection_of(subject.registry, config)
    train, test, source = collection.store("train"), collection.store("test"), collection.source
    judge = judge_of(train, cache=cache_dir(), device=device_of("cpu"), settings=_JUDGE)
    indices = np.arange(min(len(test), _IMAGES))
    data = EvaluationData("test", indices, test, train, source.schema, source, judge)
    return editor, data, measure(editor, data, _silent).names


def _run(subject: Subject) -> str:
    refused = ""
    for method, preset, _ in make.recipes(subject):
        if preset == "default":
            try:
                return str(whole_run(replace(subject, component=method)))
            except (Skipped, UsageError) as error:
                refused = refused or str(error)
    raise Skipped(f"no registered method trains: {refused or 'there is none'}")


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
