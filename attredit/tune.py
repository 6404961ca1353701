"""Searches values of a recipe's keys, with optuna: trials are trained one by one, and measured on validation images.

The directory of a search holds optuna's database, which remembers every trial, and the run of each. A search that was
stopped goes on there, and a training that was under way from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attredit.errors import DataError, DivergenceError, UsageError, nearest
from attredit.evaluation.result import Evaluation
from attredit.launch import evaluate, resume, train
from attredit.plugin.registry import installed
from attredit.recipe import parse_overrides, resolve
from attredit.report.figures import MEANINGS, meaning
from attredit.request import Request
from attredit.runs.directory import RunDirectory

_FORMS = "Write KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=ONE,OTHER,...; whole numbers stay whole."


def spaces_of(over: Sequence[str]) -> dict[str, Any]:
    """``["a.b=0.1..1:log", "c=16,32"]`` as optuna's distributions, by key.

    Raises:
        UsageError: optuna is not installed, or an item is of no such form.
    """
    try:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    except ImportError:
        raise UsageError("Tuning takes the package optuna.", "Install it: pip install 'attredit[tune]'") from None
    found: dict[str, Any] = {}
    for key, _, text in (item.partition("=") for item in over):
        ends, log = text.removesuffix(":log"), text.endswith(":log")
        parts = ends.split(".." if ".." in ends else ",")
        values = list(parse_overrides([f"{i}={part}" for i, part in enumerate(parts)]).values())
        try:
            if ".." in ends:
                kind = IntDistribution if all(type(value) is int for value in values) else FloatDistribution
                found[key] = kind(*values, log=log)
            elif log or len(values) < 2:
                raise ValueError("one value alone")
            else:
                found[key] = CategoricalDistribution(values)
        except (ValueError, TypeError) as error:
            raise UsageError(f"--over {key}={text} cannot be searched: {error}.", _FORMS) from None
    return found


def study_of(request: Request, spaces: Mapping[str, Any], metric: str, limit: int | None, directory: Path) -> Any:
    """The optuna study of a directory, begun or gone on with.

    Args:
        request: What each trial trains, but for the searched keys.
        spaces: See `spaces_of`.
        metric: A figure of an evaluation that has a better end.
        limit: Measure on so many images.
        directory: Of the search.

    Raises:
        UsageError: there is no such figure or key, nothing is searched, or the directory's search is another one.
    """
    import optuna

    if not spaces or not meaning(metric).better:
        better = [name for name, known in MEANINGS.items() if known.better]
        raise UsageError(
            *("Nothing is searched.", _FORMS) if not spaces else (f"No {metric}.", nearest(metric, better))
        )
    first = {key: space.low if hasattr(space, "low") else space.choices[0] for key, space in spaces.items()}
    resolve(installed(), request.method, request.preset, {**request.overrides, **first})
    directory.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place, direction = f"sqlite:///{directory / 'study.db'}", {"higher": "maximize", "lower": "minimize"}
    study = optuna.create_study(
        storage=place, study_name="attredit", direction=direction[meaning(metric).better], load_if_exists=True
    )
    # Of another seed each time: what goes on would else draw again what it began with.
    study.sampler = optuna.samplers.TPESampler(seed=request.seed + len(study.trials))
    asked = {"words": request.words("log"), "metric": metric, "limit": limit, "keys": sorted(spaces)}
    if study.user_attrs.get("asked", asked) != asked:
        raise UsageError(f"{directory} holds a search of something else.", "Name another with -o.")
    study.set_user_attr("asked", asked)
    return study


def search(
    study: Any,
    request: Request,
    spaces: Mapping[str, Any],
    trials: int,
    directory: Path,
    tell: Callable[[int, Mapping[str, Any]], Mapping[str, Any]] = lambda number, values: {},
    reporting: Callable[[], Any] = contextlib.nullcontext,
) -> None:
    """Carry out trials until so many are finished; one that diverges has failed, and counts.

    Args:
        study: From `opened`.
        request: As there.
        spaces: As there.
        trials: How many in all.
        directory: As there.
        tell: Told of each trial's number and values before it begins; returns who watches, for `train`.
        reporting: A context of each evaluation's progress.

    Raises:
        DataError: the figure cannot be measured on these images.
    """
    from optuna.trial import TrialState

    asked = study.user_attrs["asked"]
    while sum(trial.state.is_finished() for trial in study.trials) < trials:
        begun = [trial for trial in study.trials if trial.state == TrialState.RUNNING]
        trial = begun[0] if begun else study.ask(dict(spaces))
        run = RunDirectory(run_of(directory, trial.number))
        how = tell(trial.number, trial.params)
        try:
            if run.training_file.exists():
                resume(run.path, device=request.device, **how)
            else:
                shutil.rmtree(run.path, ignore_errors=True)  # of a kill before the first checkpoint
                overrides = {**request.overrides, **trial.params}
                train(request.replaced(overrides=overrides, run_dir=str(run.path)), **how)
        except DivergenceError:
            study.tell(trial.number, state=TrialState.FAIL)
            continue
        with reporting() as report:
            found = evaluate(run.path, split="valid", limit=asked["limit"], device=request.device, progress=report)
        if asked["metric"] not in found.metrics:
            reason = found.not_measured.get(asked["metric"], "it is not among what was measured")
            raise DataError(
                f"{asked['metric']} of {run.path} was not measured: {reason}.", "Search by another --metric."
            )
        study.tell(trial.number, found.metrics[asked["metric"]].value)


def run_of(directory: Path, number: int) -> Path:
    """The run of a trial."""
    return directory / f"trial-{number}"


def measured(study: Any, directory: Path) -> dict[int, Evaluation]:
    """What the trials that are finished and have not failed were found to be, by number."""
    done = [trial.number for trial in study.trials if trial.value is not None]
    return {number: Evaluation.read(RunDirectory(run_of(directory, number))) for number in done}


def plot(study: Any, spaces: Mapping[str, Any], directory: Path) -> Path:
    """Draw the metric against each key into ``DIRECTORY/tune.png``, with its 95 % intervals."""
    from matplotlib.figure import Figure

    metric, found = study.user_attrs["asked"]["metric"], measured(study, directory)
    figures, done = [one.metrics[metric] for one in found.values()], [study.trials[number] for number in found]
    figure = Figure(figsize=(3.6 * len(spaces), 3.0), layout="constrained")
    for axes, (key, space) in zip(figure.subplots(1, len(spaces), squeeze=False)[0], spaces.items(), strict=True):
        values = [t.params[key] if hasattr(space, "low") else space.choices.index(t.params[key]) for t in done]
        ends = [[f.value - (f.value if f.low is None else f.low) for f in figures],
                [(f.value if f.high is None else f.high) - f.value for f in figures]]  # fmt: skip
        axes.errorbar(values, [f.value for f in figures], yerr=ends, fmt="o", clip_on=False)
        if hasattr(space, "low"):
            axes.set(xscale="log" if space.log else "linear", xlim=(space.low, space.high))
        else:
            axes.set_xticks(range(len(space.choices)), [str(choice) for choice in space.choices])
        axes.set(xlabel=key, ylabel=metric)
    figure.savefig(directory / "tune.png")
    return directory / "tune.png"
