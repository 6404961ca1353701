"""Evaluates a run directory."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from attredit.data import cache_dir, prepare
from attredit.data.source import CounterfactualSource, DataSource
from attredit.devices import device_of
from attredit.editing.editor import load
from attredit.errors import DataError, RunError, UsageError, nearest
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.identity import NOT_ASKED, Identity, identity_of
from attredit.evaluation.inception import NOT_ASKED as NO_INCEPTION
from attredit.evaluation.inception import inception_of
from attredit.evaluation.judge import judge_of
from attredit.evaluation.measure import Measured, Progress, measure, plugin_metrics
from attredit.evaluation.off_target import matrix
from attredit.evaluation.recognition import NOT_OF_FACES, recognition_of
from attredit.evaluation.result import Evaluation, JudgeFacts
from attredit.evaluation.statistics import Estimate
from attredit.evaluation.subset import spread
from attredit.evaluation.values import write_values
from attredit.files import read_tensors
from attredit.plugin.registry import Registry, installed
from attredit.runs.config import RunConfig
from attredit.runs.data import source_of
from attredit.runs.directory import RunDirectory

if TYPE_CHECKING:
    import torch

    from attredit.data import Store


def evaluate(
    run_dir: str | Path,
    *,
    split: str = "test",
    limit: int | None = None,
    full: bool = False,
    device: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a run on images that it was not trained on; write evaluation.json and evaluation.safetensors beside it.

    Args:
        run_dir: What `attredit train` wrote.
        split: Which of the data set's splits.
        limit: Use only so many of its images, evenly spread.
        full: Measure also what takes further networks: identity, with one that is trained once for a data set of drawn
            images, and on photos of faces if a recognition network is on this machine; FID and KID, if Inception is.
        device: "cpu", "cuda" or "mps"; the best there is when None.
        progress: Told of (stage, done, total); stages may take turns.

    Returns:
        What was written.

    Raises:
        RunError: the run cannot be read, its data changed, or the judge in the cache or Inception's file is damaged.
        UsageError: an unknown split or device, or a limit below 1.
        PluginError: a part's plugin is missing, or a plugin's metric fails.
    """
    run, registry, where = RunDirectory(run_dir), installed(), device_of(device)
    config, tell = run.config(), progress or _silent
    editor = load(run.path, str(where))
    data = _data(registry, run, config, split, limit, full, where, tell)
    found = measure(editor, data, tell)
    figures, reasons = plugin_metrics(registry.components("metric"), editor, data, tell, found.names)
    evaluation = _assembled(run, config, data, found, figures, reasons)
    write_values(run, evaluation, {**found.table.figures, **found.cells.figures})
    evaluation.write(run)
    return evaluation


def _data(
    registry: Registry,
    run: RunDirectory,
    config: RunConfig,
    split: str,
    limit: int | None,
    full: bool,
    device: torch.device,
    tell: Progress,
) -> EvaluationData:
    """Stores of both splits, the judge, and further networks if they are asked for and can be."""
    run.check_plugins(registry, config, ("data set",))
    source = source_of(registry, config)
    if split not in source.splits:
        raise UsageError(f"{config.data.name} has no split {split!r}.", nearest(split, source.splits))

    def stored(name: str) -> Store:
        report = _stage(tell, f"{name} images")
        return prepare(source, name, config.geometry, name=config.data.name, progress=report)

    train, store = stored("train"), stored(split)
    if train.fingerprint != config.data.fingerprint:
        raise RunError(f"The data of {run.path} have changed since it was trained.", "Restore them, or train anew.")
    indices = spread(len(store), limit)
    judge = judge_of(train, cache=cache_dir(), device=device, progress=_stage(tell, "judge"))
    identity = identity_for(source, train, device, tell) if full else (None, NOT_ASKED)
    inception = inception_of(device) if full else (None, NO_INCEPTION)
    return EvaluationData(split, indices, store, train, source.schema, source, judge, *identity, *inception)


def identity_for(source: DataSource, train: Store, device: torch.device, tell: Progress) -> tuple[Identity | None, str]:
    """What tells faces apart; or None, and why."""
    if isinstance(source, CounterfactualSource):
        try:
            return identity_of(train, source, cache=cache_dir(), device=device, progress=_stage(tell, "identity")), ""
        except DataError as error:  # too few images; all else can be measured
            return None, str(error)
    return recognition_of(device) if getattr(source, "of_faces", False) else (None, NOT_OF_FACES)


def _assembled(
    run: RunDirectory,
    config: RunConfig,
    data: EvaluationData,
    found: Measured,
    figures: dict[str, Estimate],
    reasons: dict[str, str],
) -> Evaluation:
    """Everything that was found, and where it came from."""
    _, metadata = read_tensors(run.model_file)
    own = found.table.metrics()
    return Evaluation(
        split=data.split,
        images=len(data),
        judge=JudgeFacts(hash=data.judge.hash, accuracy=found.accuracy),
        identity=data.identity.hash if data.identity else None,
        metrics={**own, **figures},
        attributes=found.table.attributes(config.schema_.names),
        off_target_matrix=matrix(config.schema_, data.schema, data.train, found.cells),
        not_measured={**found.reasons, **reasons},
        data={"name": config.data.name, "fingerprint": data.store.fingerprint},
        run={
            "method": config.method,
            "preset": config.preset,
            "recipe": config.recipe.hash,
            "step": metadata["step"],
            "seed": config.seed,
        },
        versions={n: version(n) for n in ("attredit", "torch", "numpy")} | {"python": platform.python_version()},
    )


def _stage(tell: Progress, name: str) -> Callable[[int, int], None]:
    """A callback of one stage."""
    return lambda done, total: tell(name, done, total)


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
