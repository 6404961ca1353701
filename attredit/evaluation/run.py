"""Evaluates a run directory."""

from __future__ import annotations

import platform
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from attredit.data import Store, cache_dir
from attredit.data.collection import Collection
from attredit.data.source import CounterfactualSource, DataSource
from attredit.data.subset import spread
from attredit.devices import device_of
from attredit.editing.editor import load
from attredit.errors import DataError
from attredit.evaluation.axes import effects
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.elsewhere import Elsewhere, Opened, labelled_as, opened
from attredit.evaluation.framed import framed, frames_found
from attredit.evaluation.identity import NOT_ASKED, Identity, IdentitySettings, identity_of
from attredit.evaluation.inception import NOT_ASKED as NO_INCEPTION, inception_of
from attredit.evaluation.judge import judge_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.lpips import NOT_ASKED as NO_LPIPS, lpips_of
from attredit.evaluation.measure import Measured, measure, plugin_metrics
from attredit.evaluation.off_target import matrix
from attredit.evaluation.persons import persons_of
from attredit.evaluation.recognition import NOT_OF_FACES, recognition_of
from attredit.evaluation.result import Evaluation, JudgeFacts, file_of
from attredit.evaluation.statistics import Estimate
from attredit.evaluation.values import Values, write_values
from attredit.files import read_tensors
from attredit.framing.network import FrameNetwork
from attredit.plugin.registry import installed
from attredit.progress import StagedProgress
from attredit.runs.config import RunConfig
from attredit.runs.data import own_collection, relocated
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of

_MOVED = "Say where they lie now: attredit train --resume {} --data-dir PATH."
"""Of a run's own data, where --data-dir says where another collection lies."""


def evaluation_of(
    run_dir: str | Path,
    *,
    split: str,
    limit: int | None,
    full: bool,
    device: str | None,
    progress: StagedProgress,
    data_dir: str | Path | None,
    elsewhere: Elsewhere | None,
    judge: JudgeSettings | None,
    identity: IdentitySettings | None,
) -> Evaluation:
    """Measure a run, and write evaluation.json and evaluation.safetensors beside it; see `attredit.evaluate`."""
    run, registry, where = RunDirectory(directory_of(run_dir)), installed(), device_of(device)
    config = run.config()
    editor = load(run.path, str(where))
    config = relocated(registry, config, data_dir)
    run.check_plugins(registry, config, ("data set",))
    try:
        own = own_collection(registry, run, config)
    except DataError as error:
        if elsewhere is None:
            raise
        raise DataError(f"{error.message} Judges and probes are trained on them.", _MOVED.format(run.path)) from error
    on = Opened(own) if elsewhere is None else opened(registry, elsewhere, config.schema_, config.geometry)
    data = _data(own, on.collection, editor.frame, split, limit, full, where, progress, judge, identity)
    found = measure(editor, data, progress)
    figures = plugin_metrics(registry.components("metric"), editor, data, progress, found)
    evaluation = _assembled(run, config, on, data, found, figures)
    write_values(run, evaluation, Values(data.rows, {**found.table.figures, **found.cells.figures}))
    evaluation.write(run)
    return evaluation


def _data(
    own: Collection,
    on: Collection,
    frame: FrameNetwork | None,
    split: str,
    limit: int | None,
    full: bool,
    device: torch.device,
    tell: StagedProgress,
    settings: JudgeSettings | None,
    identity: IdentitySettings | None,
) -> EvaluationData:
    """Stores of both splits, the judge, and further networks if they are asked for and can be."""
    on.require_split(split)
    train = own.store("train", progress=partial(tell, "train images"))
    # Its own images with what is white in those of training; others in the frame that edits have.
    seen = replace(own, geometry=train.geometry) if on is own else framed(on, frame)
    store = labelled_as(seen.store(split, progress=partial(tell, f"{split} images")), own.schema)
    indices = spread(len(store), limit)
    judge = judge_of(train, cache=cache_dir(), device=device, settings=settings, progress=partial(tell, "judge"))
    further: dict[str, tuple[Any, str]] = {
        "identity": identity_for(own.source, train, device, tell, identity) if full else (None, NOT_ASKED),
        "inception": inception_of(device) if full else (None, NO_INCEPTION),
        "lpips": lpips_of(device) if full else (None, NO_LPIPS),
    }
    found = {name: tool for name, (tool, _) in further.items()}
    if found["identity"] is not None and (whom := persons_of(on.source, split)) is not None:
        found["identity"].persons = [whom[row] for row in store.rows[indices]]
    without = {name: why for name, (tool, why) in further.items() if tool is None}
    found |= {"without": without, "full": full, "searched": seen.source is not on.source}
    return EvaluationData(split, indices, store, train, own.schema, on.source, judge, **found)


def identity_for(
    source: DataSource,
    train: Store,
    device: torch.device,
    tell: StagedProgress,
    settings: IdentitySettings | None = None,
) -> tuple[Identity | None, str]:
    """What tells faces apart; or None, and why."""
    drawn = isinstance(source, CounterfactualSource)
    persons = None if drawn else persons_of(source, "train")
    if not drawn and persons is None:
        return recognition_of(device) if getattr(source, "of_faces", False) else (None, NOT_OF_FACES)
    how: dict[str, Any] = {"settings": settings, "device": device, "progress": partial(tell, "identity")}
    try:
        return identity_of(train, source, persons, cache=cache_dir(), **how), ""
    except DataError as error:  # too few images; all else can be measured
        return None, str(error)


def _assembled(
    run: RunDirectory,
    config: RunConfig,
    on: Opened,
    data: EvaluationData,
    found: Measured,
    figures: dict[str, Estimate],
) -> Evaluation:
    """Everything that was found, and where it came from."""
    _, metadata = read_tensors(run.model_file)
    own, fingerprint = found.table.metrics(), data.store.fingerprint
    if data.searched:
        own["frame_found"] = frames_found(data.store)
    return Evaluation(
        split=data.split,
        images=len(data),
        judge=JudgeFacts(hash=data.judge.hash, accuracy=found.accuracy, agreement=found.agreement),
        identity=data.identity.hash if data.identity else None,
        metrics={**own, **figures},
        attributes=found.table.attributes(config.schema_.names),
        off_target_matrix=matrix(config.schema_, data.schema, data.train, found.cells),
        effectiveness_matrix=effects(config.schema_, data.schema, found.cells),
        not_measured=found.reasons,
        data={"name": on.collection.name, "fingerprint": fingerprint, **_called(run, on, fingerprint)},
        run={
            "method": config.request.method_name,
            "preset": config.request.preset,
            "recipe": config.recipe.hash,
            "step": metadata["step"],
            "seed": config.request.seed,
        },
        versions={n: version(n) for n in ("attredit", "torch", "numpy")} | {"python": platform.python_version()},
    )


def _called(run: RunDirectory, on: Opened, fingerprint: str) -> dict[str, str]:
    """What another collection is called; numbered where that is the name of a third one, which lies elsewhere."""
    number, label = 1, on.label
    while label and not on.given and file_of(run, label).is_file():
        there = Evaluation.read(run, label).data
        if (there["name"], there["place"]) == (on.collection.name, on.place) or there["fingerprint"] == fingerprint:
            break
        number += 1
        label = f"{on.label}-{number}"
    return {"label": label, "place": on.place} if label else {}
