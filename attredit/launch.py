"""From a request to a finished run: resolves names, prepares data, builds, trains, and writes the run directory.

`attredit train` calls `train`, and so can any script; launched by ``python -m torch.distributed.run``, every process
calls it with the same arguments and they share the work.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data import (
    Augmentation,
    Crop,
    Geometry,
    Store,
    groups_of,
    missing_of,
    prepare,
    prevalence_of,
    require_classes,
    require_nothing_left_out,
)
from attredit.data.collection import build_source, choose_dataset
from attredit.data.source import CounterfactualSource
from attredit.devices import accelerator_for, seeded
from attredit.errors import RunError, UsageError
from attredit.plugin.registry import Registry, installed
from attredit.progress import Progress
from attredit.recipe import Recipe, resolve
from attredit.runs.config import DataConfig, Origin, RunConfig
from attredit.runs.data import RESTORE, moved, open_store
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer, also_tensorboard
from attredit.training.players import Built, build, components_of
from attredit.training.processes import agree, main_process_first, require_same
from attredit.training.trainer import Trainer, share_of

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

# Networks that begin with images see this many of them, fewer if that would be more values (floats of 4 bytes).
_BEGIN_WITH, _BEGIN_WITH_VALUES = 3000, 2**28


@dataclass(frozen=True)
class Request:
    """What a user asks for; `None` leaves it to the recipe.

    Attributes:
        method: Registered method.
        preset: One of its presets.
        overrides: Dotted recipe keys and their values.
        dataset: Registered data set, or ``NAME:ARGUMENT`` for one that takes an argument.
        attributes: Names of the attributes to edit; a data set's only one needs no naming.
        data_dir: Where the data lie, for data sets that are not embedded.
        data_options: Options of the data set.
        strict: Make an error of whatever is left out of the data set with a warning.
        balance: Attributes whose values, or combinations of values, shall be equally frequent in batches.
        image_size: H = W.
        crop: Which square of an image: "none", "centre", "celeba" or "box"; see `attredit.data.Geometry`.
        augment: What is done to images in training: "flip", "jitter"; see `attredit.data.augment`.
        steps: Length of training; or `epochs`.
        epochs: Length of training in passes over the data.
        batch_size: Images a step over all processes.
        seed: Seed of everything.
        run_dir: Where to write; ``runs/METHOD-DATASET-ATTRIBUTES`` with a number when that is taken.
        precision: "fp32" or "bf16".
        device: "cpu", "cuda", "mps"; the best there is when None.
        log_every: Steps between two lines of metrics.
        save_every: Steps between two checkpoints.
        tensorboard: Also write TensorBoard event files.
    """

    method: str = "ifcvaegan"
    preset: str = "default"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = "synthfaces"
    attributes: Sequence[str] = ()
    data_dir: str | None = None
    data_options: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False
    balance: Sequence[str] = ()
    image_size: int = 64
    crop: Crop = "centre"
    augment: Sequence[Augmentation] = ()
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    seed: int = 0
    run_dir: str | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str | None = None
    log_every: int = 50
    save_every: int = 500
    tensorboard: bool = False


def train(request: Request, *, observer: Observer | None = None, progress: Progress | None = None) -> Path:
    """Train a model.

    Args:
        request: What to train, on what.
        observer: Told of every step, on the main process.
        progress: Told of every prepared image, as (done, total).

    Returns:
        The run directory.

    Raises:
        UsageError, DataError, RunError, DivergenceError, PluginError: see their messages.
    """
    if request.run_dir:
        RunDirectory(request.run_dir).require_free()
    trainer = trainer_of(request, progress, observer)
    accelerator = trainer.accelerator
    if accelerator.is_main_process:
        trainer.run_directory.create(trainer.config)
    accelerator.wait_for_everyone()
    return _finish(trainer, observer or Observer(), request.tensorboard)


def trainer_of(request: Request, progress: Progress | None = None, observer: Observer | None = None) -> Trainer:
    """Everything that a training needs, at its first step; nothing but prepared data has been written.

    Args:
        request: What to train, on what.
        progress: As for `train`.
        observer: As for `train`.

    Raises:
        UsageError, DataError, PluginError: see their messages.
    """
    registry = installed()
    recipe = resolve(registry, request.method, request.preset, request.overrides)
    request = replace(request, **choose_dataset(registry, request.dataset, request.data_dir, request.data_options))
    where: dict[str, Any] = {"data_dir": request.data_dir, "options": dict(request.data_options)}
    # Before what may fail on one machine alone: processes that are connected notice that another has gone.
    accelerator = accelerator_for(request.device, request.precision)
    source = build_source(registry, request.dataset, image_size=request.image_size, crop=request.crop, **where)
    if observer is not None and accelerator.is_main_process:
        observer.on_source(source)
    if request.strict:
        require_nothing_left_out(source)
    names = source.schema.names
    if not request.attributes and len(names) > 1:
        raise UsageError("No attribute to edit.", f"Name one or more with --attr: {', '.join(names)}.")
    request = replace(request, attributes=request.attributes or names)
    schema, balanced = source.schema.select(request.attributes), source.schema.select(request.balance).names
    geometry = Geometry(size=request.image_size, channels=source.channels, crop=request.crop)
    whole = geometry.crop != "box" and geometry.keeps(request.image_size, request.image_size)
    if isinstance(source, CounterfactualSource) and not whole:
        raise UsageError(f"{request.dataset} draws squares to be seen whole.", f"Leave --crop {request.crop} out.")
    batch_size = request.batch_size or recipe.batch_size
    # Before the data, whose preparation may take minutes: what cannot be built or divided is refused at once.
    share_of(batch_size, accelerator)
    built = _built(registry, recipe, schema, geometry, request.seed)
    with main_process_first(accelerator):
        store = prepare(source, "train", geometry, name=request.dataset, progress=progress, strict=request.strict)
        built.initialize(_some(store))
    require_same(_told(store), "training images", accelerator)
    agree(built.parts, accelerator)
    names = tuple(dict.fromkeys([*schema.names, *balanced]))
    require_classes(store, names, np.concatenate(groups_of(store.label_columns(balanced))))
    config = RunConfig(
        method=request.method,
        preset=request.preset,
        recipe=recipe,
        attributes=schema.attributes,
        channels=source.channels,
        geometry=store.geometry,
        augment=tuple(request.augment),
        data=DataConfig(
            name=request.dataset,
            directory=None if request.data_dir is None else str(Path(request.data_dir).resolve()),
            options=dict(request.data_options),
            fingerprint=store.fingerprint,
            images=len(store),
            balance=balanced,
            prevalence=prevalence_of(store, names, balanced),
            missing=missing_of(store, names),
        ),
        seed=request.seed,
        steps=_steps(request, recipe, len(store), batch_size),
        batch_size=batch_size,
        precision=request.precision,
        log_every=request.log_every,
        save_every=request.save_every,
        origins=_origins(registry, recipe, request),
        versions={n: version(n) for n in ("attredit", "torch", "accelerate")} | {"python": platform.python_version()},
    )
    return Trainer(built, config, store, accelerator, RunDirectory(_agreed_path(request, accelerator)))


def resume(
    run_dir: str | Path,
    *,
    steps: int | None = None,
    data_dir: str | Path | None = None,
    device: str | None = None,
    tensorboard: bool = False,
    observer: Observer | None = None,
    progress: Progress | None = None,
) -> Path:
    """Continue a run from its last checkpoint, exactly as if it had never stopped.

    Args:
        run_dir: What `train` returned.
        steps: A new total number of steps; schedules over the whole run are then stretched from here on.
        data_dir: Where the data lie now, if they were moved; the run remembers it.
        device: As for `train`.
        tensorboard: As for `train`.
        observer: As for `train`.
        progress: As for `train`.

    Raises:
        RunError: the run cannot be read, has no checkpoint, or its data changed.
        UsageError: fewer steps than were done already.
        PluginError: a part's plugin is missing.
    """
    registry, run = installed(), RunDirectory(run_dir)
    config = moved(registry, run.config(), data_dir)
    run.check_plugins(registry, config)
    accelerator = accelerator_for(device, config.precision)
    with main_process_first(accelerator):
        store = open_store(registry, config, "train", progress)
    require_same(_told(store), "training images", accelerator)
    # As many images, too: other versions of decoders may find others broken.
    if (store.fingerprint, len(store)) != (config.data.fingerprint, config.data.images):
        raise RunError(f"The data of {run.path} have changed since it was started.", RESTORE)
    if steps is not None:
        config = config.model_copy(update={"steps": steps})
    built = _built(registry, config.recipe, config.schema_, config.geometry, config.seed)
    trainer = Trainer(built, config, store, accelerator, run)
    trainer.resume()
    require_same(f"step {trainer.step_count}", "checkpoints", accelerator)
    if trainer.step_count > config.steps:
        raise UsageError(f"{run.path} has done {trainer.step_count} steps.", "Ask for as many --steps, or more.")
    if accelerator.is_main_process:
        run.write_config(config)
    return _finish(trainer, observer or Observer(), tensorboard)


def _built(registry: Registry, recipe: Recipe, schema: AttributeSchema, geometry: Geometry, seed: int) -> Built:
    """Networks whose first weights are a function of the seed."""
    with seeded(seed):
        return build(registry, recipe, schema, channels=geometry.channels, image_size=geometry.size)


def _told(store: Store) -> str:
    """Training images in words. Decoders of other versions may find others broken, which no fingerprint tells."""
    return f"{len(store):,} images ({store.fingerprint})"


def _some(store: Store) -> Tensor:
    """Images (N, C, H, W) for networks that begin with them: evenly spread, and no more than memory bears."""
    import numpy as np

    most = min(_BEGIN_WITH, max(1, _BEGIN_WITH_VALUES // store.images[0].size))
    rows = np.unique(np.linspace(0, len(store) - 1, min(most, len(store))).astype(np.int64))
    return store.batch(rows).float() / 255.0


def _finish(trainer: Trainer, observer: Observer, tensorboard: bool) -> Path:
    """Train to the end; then write what people look at first."""
    run, config = trainer.run_directory, trainer.config
    main = trainer.accelerator.is_main_process
    if main:
        observer.on_start(config, run, trainer.step_count)
    writing = tensorboard and main
    with also_tensorboard(observer, run, trainer.step_count) if writing else nullcontext(observer) as watching:
        trainer.run(watching)
    if main:
        from attredit.report.card import write_card, write_samples

        write_samples(run, trainer.store)
        write_card(run, config)
    trainer.accelerator.wait_for_everyone()
    return run.path


def _steps(request: Request, recipe: Recipe, images: int, batch_size: int) -> int:
    if request.steps is not None and request.epochs is not None:
        raise UsageError("Both steps and epochs are given.", "Give one of them.")
    if request.epochs is not None:
        return max(1, round(request.epochs * images / batch_size))
    return request.steps or recipe.steps


def _origins(registry: Registry, recipe: Recipe, request: Request) -> dict[str, Origin]:
    found = components_of(registry, recipe, request.dataset) | {"method": registry.find("method", request.method)}
    # Of a plugin file its name alone: where it lies is nobody's business.
    return {n: Origin(id=c.id, distribution=Path(c.distribution).name, version=c.version) for n, c in found.items()}


def _agreed_path(request: Request, accelerator: Accelerator) -> str:
    """Where the run goes; the processes of a launch, which may look at different times, take the main one's word."""
    name = "-".join([request.method, request.dataset, *request.attributes])
    paths = [request.run_dir or _free(Path("runs") / name)]
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(paths)
    return paths[0]


def _free(path: Path) -> str:
    """The path, or the first of path-2, path-3, ... that is not taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return str(free)
