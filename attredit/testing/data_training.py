"""A few steps of every registered method on a data set."""

from __future__ import annotations

from functools import partial

from attredit.data import Geometry, prepare
from attredit.devices import accelerator_for
from attredit.errors import UsageError
from attredit.recipe import Recipe
from attredit.request import Request
from attredit.runs.config import DataFacts, RunConfig
from attredit.runs.directory import RunDirectory
from attredit.testing import make
from attredit.testing.data import small_source
from attredit.testing.few import Few
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject
from attredit.training.trainer import Trainer

_STEPS = 2
_BATCH = 8


def trains(subject: Subject) -> str:
    """A few steps of every registered method on it."""
    source = Few(small_source(subject))
    worked: list[str] = []
    refused: list[str] = []
    for method, preset, recipe in make.every_recipe(subject):
        if preset == "default":
            try:
                trainer = make.at_first_size(partial(_trainer, subject, source, method.id, recipe))
                make.take_steps(trainer, _STEPS, method.id)
                worked.append(method.id)
            except UsageError as error:
                refused.append(f"{method.id}: {error}")
    if not worked and not refused:
        raise Skipped("no method is registered")
    if not worked:
        raise Broken("training by at least one method", " ".join(refused))
    return " ".join([f"Trains {', '.join(worked)}.", *refused])


def _trainer(subject: Subject, source: Few, method: str, recipe: Recipe, size: int) -> Trainer:
    built_at = Geometry(size, source.channels)
    schema = source.schema.select(source.schema.names[:2])
    built = make.whole(subject, recipe, size, schema, source.channels)
    store = prepare(source, "train", built_at, name=subject.it.name)
    config = RunConfig(
        request=Request(method=method, dataset=subject.it.id, attributes=schema.names, image_size=size),
        recipe=recipe,
        attributes=schema.attributes,
        channels=source.channels,
        geometry=built_at,
        data=DataFacts(fingerprint=store.fingerprint, images=len(store)),
        steps=_STEPS,
        batch_size=min(_BATCH, len(store)),
    )
    run = RunDirectory(subject.place.directory("run"))
    return Trainer(built, config, store, accelerator_for("cpu", "fp32"), run)
