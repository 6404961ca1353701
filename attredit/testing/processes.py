"""Two processes train what one trains. One launch trains everything of a plugin, since starting takes the most time."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from attredit.files import read_tensors
from attredit.launch import train
from attredit.request import Request
from attredit.runs.directory import RunDirectory
from attredit.testing import hosts, make
from attredit.testing.promises import TRAINED
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject, python

STEPS = 3
# Rounding differs with the number of processes. With its usual epsilon, Adam would make whole steps of it.
_RTOL, _ATOL, _EPSILON = 1e-3, 2e-5, 1e-3
_ADAPTIVE = ("adam", "adamw", "rmsprop")
_PER_PROCESS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
)  # fmt: skip


def two_processes(subject: Subject) -> str:
    """Weights after a few steps, in the first method that the component trains in."""
    host = hosts.home(subject).host
    request = _prepared(subject)
    if isinstance(request, str):
        raise Skipped(request)
    errors = subject.place.once("launch", lambda: _launched(subject))
    if error := errors.get(host.key):
        raise Broken(f"{STEPS} steps in two processes", error)
    found = subject.place.once(f"compared {host.key}", lambda: _difference(subject, request))
    if found:
        raise Broken("the weights of one process, but for rounding", found)
    return f"in {host}"


def _prepared(subject: Subject) -> Request | str:
    """What is to be trained, or why it cannot be compared."""
    home = hosts.home(subject)
    return subject.place.once(f"launched {home.host.key}", lambda: _request(subject, home))


def _request(subject: Subject, home: hosts.Outcome) -> Request | str:
    recipe = home.host.recipe(subject.registry)
    parts = make.whole(subject, recipe, home.size).parts
    found = sorted({type(m).__name__ for m in parts.modules() if isinstance(m, _PER_PROCESS)})
    if found:
        return f"{home.host} has {', '.join(found)}, whose statistics or masks are each process's own"
    overrides = {
        f"players.{name}.optimizer.options.eps": _EPSILON
        for name, player in recipe.players.items()
        if player.optimizer.name in _ADAPTIVE
    }
    run = subject.place.directory("double")
    return home.host.request(home.size, run_dir=str(run), steps=STEPS, overrides=overrides)


def _launched(subject: Subject) -> dict[str, str]:
    """Train everything of the plugin that can be compared; what went wrong, by host."""
    requests: dict[str, Request] = {}
    for component in subject.plugin.components:
        other = replace(subject, component=component)
        if component.kind in TRAINED:
            with contextlib.suppress(Skipped):
                request = _prepared(other)
                if isinstance(request, Request):
                    requests[hosts.home(other).host.key] = request
    waiting, errors = {key: _written(subject, request) for key, request in requests.items()}, dict[str, str]()
    while waiting:
        said = _launch(list(waiting.values()))
        waiting = {key: file for key, file in waiting.items() if not file.with_suffix(".done").exists()}
        if waiting:  # the first of those failed, and ended the launch
            key = next(iter(waiting))
            errors[key] = _error_of(waiting.pop(key)) or said
    return errors


def _written(subject: Subject, request: Request) -> Path:
    file = subject.place.directory("request").with_suffix(".json")
    file.write_text(request.model_dump_json(), "utf-8")
    return file


def _difference(subject: Subject, request: Request) -> str:
    """Where the weights of the launch differ from those of one process, beyond rounding."""
    single = train(request, run_dir=str(subject.place.directory("single")))
    assert request.run_dir is not None, "a request names its directory"
    one, two = (_weights(run) for run in (single, Path(request.run_dir)))
    worst, where = max((_excess(one[name], two[name]), name) for name in one)
    off = float((one[where] - two[where]).abs().max())
    return f"{where} differs by up to {off:.2g}" if worst > 0 else ""


def _launch(files: list[Path]) -> str:
    """Train in two processes; returns the last line on stderr."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    # Two processes on a machine that may have two cores.
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    return python(*launcher, "-m", "attredit.testing.launched", *map(str, files), OMP_NUM_THREADS=threads).said


def _error_of(file: Path) -> str:
    """What the first of the processes said that failed."""
    found = [file.with_suffix(f".{rank}.error") for rank in range(2)]
    said = [error.read_text("utf-8") for error in found if error.exists()]
    return said[0] if said else ""


def _weights(path: Path) -> dict[str, Tensor]:
    tensors, _ = read_tensors(RunDirectory(path).training_file)
    return {n: t for n, t in tensors.items() if n.startswith("parts.") and t.is_floating_point()}


def _excess(one: Tensor, two: Tensor) -> float:
    """How far two tensors are beyond tolerance; at most 0 where they agree."""
    if not one.numel():
        return 0.0
    return float(((one - two).abs() - _ATOL - _RTOL * one.abs()).nan_to_num(nan=torch.inf).max())
