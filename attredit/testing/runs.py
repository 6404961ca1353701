"""What runs promise: a stopped one goes on exactly, and an edit that asks for what is there changes little."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attredit.data.subset import as_images
from attredit.editing.editor import Editor, load
from attredit.errors import UsageError
from attredit.files import read_tensors
from attredit.launch import resume, train
from attredit.recipe import Recipe, presets_of, resolve
from attredit.runs.data import collection_of
from attredit.runs.directory import RunDirectory
from attredit.testing import hosts, make
from attredit.testing.report import Broken
from attredit.testing.workshop import Subject
from attredit.training.observer import Observer

STEPS, STOP = 4, 2
MOST_CHANGE = 0.02
_IMAGES = 16


def recipes(subject: Subject) -> str:
    """Each preset goes through JSON unchanged, and can be built at some image size."""
    presets = presets_of(subject.it)
    for preset in presets:
        recipe = resolve(subject.registry, subject.it.id, preset)
        _check_written(recipe, preset)
        try:
            make.at_first_size(partial(make.whole, subject, recipe))
        except UsageError as error:
            raise Broken(f"preset {preset} to build at some image size", str(error)) from error
    return f"presets {', '.join(presets)}"


def exact_resume(subject: Subject) -> str:
    """The checkpoint's files, byte for byte."""
    host = hosts.home(subject).host
    different = subject.place.once(f"resumed {host.key}", lambda: _different(subject))
    if different:
        raise Broken(f"the same files from a run stopped after {STOP} of {STEPS} steps", different)
    return f"in {host}"


def identity_edit(subject: Subject) -> str:
    """Decoded against the reconstruction; composite against the image itself."""
    editor = load(whole_run(subject))
    run = RunDirectory(whole_run(subject))
    store = collection_of(subject.registry, run.config()).store("test")
    images = as_images(store, np.arange(min(len(store), _IMAGES)))
    changes = _changes_of_identity(editor, images)
    for what, change in changes.items():
        if not change <= MOST_CHANGE:
            raise Broken(f"a mean change of the {what} of at most {MOST_CHANGE}", f"{change:.3f}")
    return ", ".join(f"{what} {change:.4f}" for what, change in changes.items())


def whole_run(subject: Subject) -> Path:
    """A run that was never stopped, of the component in the first method that it trains in."""
    host = hosts.home(subject).host
    return subject.place.once(f"run of {host.key}", lambda: _run(subject, Observer()))


def _different(subject: Subject) -> str:
    """In what a run that was stopped and resumed differs from one that was not."""
    whole = RunDirectory(whole_run(subject))
    stopped = RunDirectory(resume(_stopped_run(subject), device="cpu"))
    for one, two in ((whole.model_file, stopped.model_file), (whole.training_file, stopped.training_file)):
        if one.read_bytes() != two.read_bytes():
            first, second = read_tensors(one)[0], read_tensors(two)[0]
            other = [n for n in first if n not in second or not torch.equal(first[n], second[n])]
            return f"{one.name} with other {'values of ' if other else 'bytes'}{', '.join(other[:5])}"
    return ""


def _check_written(recipe: Recipe, preset: str) -> None:
    """JSON can hold the recipe, and gives it back; tuples as lists."""
    data = recipe.model_dump()
    try:
        again = json.loads(json.dumps(data))
    except TypeError as error:
        raise Broken(f"preset {preset} of what JSON can hold", str(error)) from error
    differing = [key for key, value in data.items() if _listed(value) != again[key]]
    if differing:
        raise Broken(f"preset {preset} unchanged by JSON", f"another value of {', '.join(differing)}")
    if Recipe.model_validate(again).hash != recipe.hash:
        raise Broken(f"the same hash of preset {preset} after JSON", "another")


def _listed(value: Any) -> Any:
    """Tuples as lists, at every depth."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


def _changes_of_identity(editor: Editor, images: torch.Tensor) -> dict[str, float]:
    """Mean absolute change when every image is asked for the values that it is taken to have."""
    model = editor.model
    code = model.encode(images)
    assert code.labels is not None
    assert code.z is not None
    same = editor.schema.encode(editor.schema.decode(code.labels))
    old, new = model.decode(code), model.draw(code.z, same, code)
    blended = model.composite(images, model.compared(old, new, same))
    return {"reconstruction": float((new - old).abs().mean()), "image": float((blended - images).abs().mean())}


def _run(subject: Subject, observer: Observer) -> Path:
    home = hosts.home(subject)
    path = subject.place.directory("run")
    request = home.host.request(home.size, run_dir=str(path), steps=STEPS, save_every=STOP, log_every=1)
    return train(request, observers=[observer])


def _stopped_run(subject: Subject) -> Path:
    """A run that ends right after its first checkpoint, as if it had been killed."""
    observer = _StopAfterSaving()
    with contextlib.suppress(_Stopped):
        _run(subject, observer)
    return observer.path


class _Stopped(Exception):
    """Ends a training in its middle."""


class _StopAfterSaving(Observer):
    """Ends a training at its first checkpoint."""

    path: Path

    def on_start(self, config: object, run: RunDirectory, step: int) -> None:
        """Remember where it goes."""
        self.path = run.path

    def on_save(self, step: int) -> None:
        """End it."""
        raise _Stopped
