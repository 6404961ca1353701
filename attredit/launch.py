"""From a request to a finished run: resolves names, prepares data, builds, trains, and writes the run directory.

`attredit train` calls `train`, and so can any script; launched by ``python -m torch.distributed.run``, every process
calls it with the same arguments and they share the work.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.nn.functional as F

from attredit.attributes import AttributeSchema
from attredit.data import Augmentation, Geometry, Store, groups_of, missing_of, prevalence_of, require_classes
from attredit.data.collection import Collection
from attredit.data.mirrored import symmetric
from attredit.data.source import CounterfactualSource, DataSource
from attredit.data.subset import some_images
from attredit.devices import accelerator_for, seeded
from attredit.editing.model import Model
from attredit.errors import RunError, UsageError
from attredit.files import unused
from attredit.framing.fit import STEPS, fit_frame, knows
from attredit.framing.network import FrameNetwork
from attredit.plugin.registry import Registry, installed
from attredit.progress import Progress, StagedProgress, silent
from attredit.recipe import Recipe, components_of, resolve
from attredit.request import Request
from attredit.runs.config import DataFacts, Origin, RunConfig
from attredit.runs.data import RESTORE, relocated, training_collection
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of
from attredit.training.notebook import Bar, NotebookBar, in_notebook
from attredit.training.observer import Observer, watching
from attredit.training.players import Built, build
from attredit.training.processes import agree, main_process_first, require_same
from attredit.training.settling import settle
from attredit.training.trackers import Trackers, require_trackers
from attredit.training.trainer import Trainer, share_of

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

    from attredit.evaluation.elsewhere import Elsewhere
    from attredit.evaluation.identity import IdentitySettings
    from attredit.evaluation.judge_training import JudgeSettings
    from attredit.evaluation.result import Evaluation

# Networks that begin with images see this many of them.
_BEGIN_WITH = 3000
# Of the name of a run's directory, in bytes; systems take 255, and some 143.
_LONGEST = 120
FRAME_STEPS, FRAME_LEAST = 0.54, 300
"""Steps of the frame network for each of the training: of the default recipe a tenth of the time; and what it needs."""


def train(
    request: Request | None = None,
    *,
    observers: Sequence[Observer] = (),
    progress: Progress | None = None,
    **asked: Any,
) -> Path:
    """Train a model: ``train(dataset="folder:portraits", attributes=["Smiling"])``.

    Args:
        request: What to train, on what; or its fields as keyword arguments.
        observers: Told of every step, on the main process; in a notebook, a bar when there are none.
        progress: Told of every prepared image, as (done, total).
        **asked: Fields of `Request`, in place of one or over it.

    Returns:
        The run directory.

    Raises:
        UsageError, DataError, RunError, DivergenceError, PluginError: see their messages.
    """
    request = Request.of({**(request.model_dump(exclude_unset=True) if request else {}), **asked})
    if request.run_dir:
        RunDirectory(request.run_dir).require_free()
    trainer = trainer_of(request, progress, observers)
    accelerator = trainer.accelerator
    if accelerator.is_main_process:
        trainer.run_directory.create(trainer.config)
    accelerator.wait_for_everyone()
    return _finish(trainer, observers)


def trainer_of(request: Request, progress: Progress | None = None, observers: Sequence[Observer] = ()) -> Trainer:
    """Everything that a training needs, at its first step; nothing but prepared data has been written.

    Args:
        request: What to train, on what.
        progress: As for `train`.
        observers: As for `train`.

    Raises:
        UsageError, DataError, PluginError: see their messages.
    """
    registry = installed()
    request = request.settled(registry)
    recipe = resolve(registry, request.method, request.preset, request.overrides)
    require_trackers(request.log)
    # Before what may fail on one machine alone: processes that are connected notice that another has gone.
    accelerator = accelerator_for(request.device, request.precision)
    collection = request.replaced(image_size=recipe.detail * request.image_size).collection(registry)
    source, geometry = collection.source, replace(collection.geometry, size=request.image_size)
    if accelerator.is_main_process:
        for observer in observers:
            observer.on_source(source)
    names = source.schema.names
    if not request.attributes and len(names) > 1:
        raise UsageError("No attribute to edit.", f"Name one or more with --attr: {', '.join(names)}.")
    schema, balanced = source.schema.select(request.attributes or names), source.schema.select(request.balance).names
    whole = geometry.crop != "box" and geometry.keeps(geometry.size, geometry.size)
    if isinstance(source, CounterfactualSource) and not whole:
        raise UsageError(f"{request.dataset_name} draws squares to be seen whole.", f"Leave --crop {request.crop} out.")
    batch_size = request.batch_size or recipe.batch_size
    # Before the data, whose preparation may take minutes: what cannot be built or divided is refused at once.
    share_of(batch_size, accelerator)
    run = RunDirectory(_agreed_path(request, schema, accelerator))
    if accelerator.is_main_process:
        run.require_writable()
    built = _built(registry, recipe, schema, geometry, request.seed)
    with main_process_first(accelerator):
        store = collection.store("train", progress=progress)
        built.initialize(_some(store, recipe.detail))
    require_same(_told(store), "training images", accelerator)
    agree(built.parts, accelerator)
    names = tuple(dict.fromkeys([*schema.names, *balanced]))
    require_classes(store, names, np.concatenate(groups_of(store.label_columns(balanced))))
    steps = _steps(request, recipe, len(store), batch_size)
    frame = _frame(request, store, steps, accelerator)
    config = RunConfig(
        request=request.model_copy(
            update={
                "attributes": schema.names,
                "augment": request.augment or _usual_augmentation(source, store, schema),
                "run_dir": None,
                "device": None,
            }
        ),
        recipe=recipe,
        attributes=schema.attributes,
        channels=source.channels,
        geometry=replace(store.geometry, size=geometry.size),
        frame=frame is not None,
        data=DataFacts(
            fingerprint=store.fingerprint,
            images=len(store),
            prevalence=prevalence_of(store, names, balanced),
            missing=missing_of(store, names),
        ),
        steps=steps,
        batch_size=batch_size,
        origins=_origins(registry, recipe, request),
        versions={n: version(n) for n in ("attredit", "torch", "accelerate")} | {"python": platform.python_version()},
    )
    return Trainer(built, config, store, accelerator, run, frame, _settle(collection, store, recipe))


def resume(
    run_dir: str | Path,
    *,
    steps: int | None = None,
    data_dir: str | Path | None = None,
    device: str | None = None,
    log: Sequence[str] | None = None,
    observers: Sequence[Observer] = (),
    progress: Progress | None = None,
) -> Path:
    """Continue a run from its last checkpoint, exactly as if it had never stopped.

    Args:
        run_dir: What `train` returned.
        steps: A new total number of steps; schedules over the whole run are then stretched from here on.
        data_dir: Where the data lie now, if they were moved; the run remembers it.
        device: As for `train`.
        log: Trackers from here on, in place of those that it was started with; a new one is told of all steps.
        observers: As for `train`.
        progress: As for `train`.

    Raises:
        RunError: the run cannot be read, has no checkpoint, or its data changed.
        UsageError: fewer steps than were done already, or a tracker that is not installed.
        PluginError: a part's plugin is missing.
    """
    registry, run = installed(), RunDirectory(directory_of(run_dir))
    config = relocated(registry, run.config(), data_dir)
    run.check_plugins(registry, config)
    if log is not None:
        config = config.model_copy(update={"request": config.request.model_copy(update={"log": tuple(log)})})
    require_trackers(config.request.log)
    accelerator = accelerator_for(device, config.request.precision)
    collection = training_collection(registry, config)
    with main_process_first(accelerator):
        store = collection.store("train", progress=progress)
    require_same(_told(store), "training images", accelerator)
    # As many images, too: other versions of decoders may find others broken.
    if (store.fingerprint, len(store)) != (config.data.fingerprint, config.data.images):
        raise RunError(f"The data of {run.path} have changed since it was started.", RESTORE)
    if steps is not None:
        request = config.request.model_copy(update={"steps": steps, "epochs": None})
        config = config.model_copy(update={"steps": steps, "request": request})
    built = _built(registry, config.recipe, config.schema_, config.geometry, config.request.seed)
    frame = FrameNetwork(config.channels) if config.frame else None
    trainer = Trainer(built, config, store, accelerator, run, frame, _settle(collection, store, config.recipe))
    trainer.resume()
    require_same(f"step {trainer.step_count}", "checkpoints", accelerator)
    if trainer.step_count > config.steps:
        raise UsageError(f"{run.path} has done {trainer.step_count} steps.", "Ask for as many --steps, or more.")
    if accelerator.is_main_process:
        run.write_config(config)
    return _finish(trainer, observers)


def evaluate(
    run_dir: str | Path,
    *,
    split: str = "test",
    limit: int | None = None,
    full: bool = False,
    device: str | None = None,
    progress: StagedProgress | None = None,
    data_dir: str | Path | None = None,
    elsewhere: Elsewhere | None = None,
    judge: JudgeSettings | None = None,
    identity: IdentitySettings | None = None,
) -> Evaluation:
    """Measure a run on images that it was not trained on, as `attredit evaluate` does.

    Its figures are written beside it, to evaluation.json and evaluation.safetensors, and into its model card. Those of
    another collection than the run's own are kept beside these, in evaluation-LABEL.json and .safetensors.

    Args:
        run_dir: What `attredit train` wrote.
        split: Which of the data set's splits.
        limit: Use only so many of its images, evenly spread.
        full: Measure also what takes further networks: identity, with one that is trained once for a data set of drawn
            images, and on photos of faces if a recognition network is on this machine; FID and KID, if Inception is;
            LPIPS, if VGG is; and what is left of images after ten edits.
        device: "cpu", "cuda" or "mps"; the best there is when None.
        progress: Told of (stage, done, total); stages may take turns. In a notebook, a bar when None.
        data_dir: Where the run's own data lie now, if they were moved; with another collection, too, whose judges they
            train.
        elsewhere: Another collection to measure on, each of its images in the frame that the run finds in it. Judge
            and probes are those of the run's own data.
        judge: How the judge is trained, where not as always; figures of another judge compare with no others.
        identity: The same of the network that tells identities apart.

    Returns:
        What was written.

    Raises:
        DataError: the data are not where they should be, or another collection lacks what the run edits.
        RunError: the run cannot be read, its data changed, or the judge in the cache or Inception's file is damaged.
        UsageError: an unknown split or device, or a limit below 1.
        PluginError: a part's plugin is missing.
    """
    from attredit.evaluation.run import evaluation_of
    from attredit.report.card import write_card

    found = evaluation_of(
        run_dir,
        split=split,
        limit=limit,
        full=full,
        device=device,
        progress=progress or (Bar() if in_notebook() else silent),
        data_dir=data_dir,
        elsewhere=elsewhere,
        judge=judge,
        identity=identity,
    )
    run = RunDirectory(directory_of(run_dir))
    write_card(run, run.config())
    return found


def _built(registry: Registry, recipe: Recipe, schema: AttributeSchema, geometry: Geometry, seed: int) -> Built:
    """Networks whose first weights are a function of the seed."""
    with seeded(seed):
        return build(registry, recipe, schema, channels=geometry.channels, image_size=geometry.size)


def _frame(request: Request, store: Store, steps: int, accelerator: Accelerator) -> FrameNetwork | None:
    """What finds the frame in pictures, in a tenth of the training's time; the same in all processes.

    None where it is not wanted, where that time is too short to learn anything, or where the images share no frame.
    """
    enough = min(STEPS, round(steps * FRAME_STEPS))
    if request.frame == "none" or enough < FRAME_LEAST:
        return None
    network = fit_frame(store, request.seed, enough)
    agree(network, accelerator)
    return network if knows(network, store, request.seed) else None


def _settle(collection: Collection, train: Store, recipe: Recipe) -> Callable[[Model], None]:
    """What looks up what a trained model knows; the validation images are prepared when it is called."""

    def settled(model: Model) -> None:
        settle(model, train, collection.store("valid") if "valid" in collection.splits else None, recipe.detail)

    return settled


def _told(store: Store) -> str:
    """Training images in words. Decoders of other versions may find others broken, which no fingerprint tells."""
    return f"{len(store):,} images ({store.fingerprint})"


def _some(store: Store, detail: int) -> Tensor:
    """Images (N, C, H, W) for networks that begin with them: evenly spread, and no more than memory bears."""
    images = store.batch(some_images(store, _BEGIN_WITH)).float() / 255.0
    return images if detail == 1 else F.avg_pool2d(images, detail)


def _usual_augmentation(source: DataSource, store: Store, schema: AttributeSchema) -> tuple[Augmentation, ...]:
    """Photographs are mirrored where that shows nothing strange; drawn images are as many as were asked for."""
    return ("flip",) if not isinstance(source, CounterfactualSource) and symmetric(store, schema.names) else ()


def _finish(trainer: Trainer, observers: Sequence[Observer]) -> Path:
    """Train to the end; then write what people look at first."""
    run, config = trainer.run_directory, trainer.config
    if not observers and in_notebook():
        observers = [NotebookBar()]
    if config.request.log:
        observers = [*observers, Trackers(config.request.log)]
    main = trainer.accelerator.is_main_process
    with watching(observers if main else (), config, run, trainer.step_count) as told:
        trainer.run(told)
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


def _agreed_path(request: Request, schema: AttributeSchema, accelerator: Accelerator) -> str:
    """Where the run goes; the processes of a launch, which may look at different times, take the main one's word."""
    paths = [request.run_dir or str(unused(Path("runs") / run_name(request, schema.names)))]
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(paths)
    return paths[0]


def run_name(request: Request, attributes: Sequence[str]) -> str:
    """What a run is called, so that every file system takes it: not too long, and with nothing but words in it."""
    what = f"{request.method_name}-{request.dataset_name}-"
    whole = what + "-".join(attributes)
    name = whole if len(whole.encode()) <= _LONGEST else f"{what}{len(attributes)}-attributes"
    return re.sub(r"[^\w.+-]+", "-", name).rstrip("-.")
