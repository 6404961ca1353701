"""The training loop. It knows no method: players, terms and weights come from the recipe.

One step: one `BatchView`; every player's backward passes run on its shared graph, each reaching only the parameters it
is for; then all optimisers step. Hugging Face accelerate is the engine for devices, precision and processes. Gradients
are averaged over processes once per player and step, on one flat buffer: several backward passes that each reach other
parameters do not fit the bookkeeping of DistributedDataParallel, and networks this small gain nothing from overlap.

Exact resume needs no random state: noise, data order and dropout are functions of seed and step.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.attributes import MISSING
from attredit.data import Order, Store, groups_of
from attredit.data.augment import augmented
from attredit.devices import repeatable
from attredit.editing.model import Model
from attredit.errors import Terminated, UsageError
from attredit.files import below, load_into, prefixed, read_tensors
from attredit.framing.network import FrameNetwork
from attredit.recipe import at_step
from attredit.rows import Slice
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.stopping import finishing
from attredit.training.health import Health
from attredit.training.observer import Observer
from attredit.training.players import ActivePlayer, Built, play
from attredit.training.processes import largest
from attredit.training.view import BatchView

if TYPE_CHECKING:
    from accelerate import Accelerator


class Trainer:
    """Trains what `build` made on a prepared store.

    Args:
        built: Parts and players.
        config: The run's configuration.
        store: Prepared training images.
        accelerator: Devices, precision and processes.
        run: Where checkpoints and metrics go.
        frame: Finds the frame in pictures; trained already, and kept with the model.
        settle: Told of the model that is saved last, to look up what it knows; see `settling.py`.
    """

    def __init__(
        self,
        built: Built,
        config: RunConfig,
        store: Store,
        accelerator: Accelerator,
        run: RunDirectory,
        frame: FrameNetwork | None = None,
        settle: Callable[[Model], None] | None = None,
    ) -> None:
        self.frame, self._settle = frame, settle
        self.config, self.store, self.accelerator, self.run_directory = config, store, accelerator, run
        self.schema = config.schema_
        parts = synchronised(built.parts, accelerator)
        self.parts: nn.ModuleDict = parts.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = Model.of(config.recipe, self.parts, self.schema)
        self.players = built.players
        self.terms = dict(built.stateful_terms())
        for term in self.terms.values():
            term.to(accelerator.device)
        self.labels = torch.from_numpy(store.label_columns(self.schema.names))
        # Once, for all steps and processes alike: none then waits for its device to tell, or for another to agree.
        self.missing = bool((self.labels == MISSING).any())
        self.rows = share_of(config.batch_size, accelerator)
        groups = groups_of(store.label_columns(config.request.balance))
        self.order = Order(groups, config.batch_size, config.request.seed)
        self.average = _average_of(self.parts, config.recipe.edits_with) if config.recipe.ema else None
        self.kept = (
            self.model if self.average is None else Model.of(config.recipe, dict(self.average.items()), self.schema)
        )
        self.step_count = 0
        self._health = Health()

    def run(self, observer: Observer) -> None:
        """Train from the current step to the configured last one.

        Raises:
            DivergenceError: a term is no longer finite, or beyond its limit; the last checkpoint is from before.
            RunError: a checkpoint cannot be written.
            Terminated: a signal asked one of the processes to end; the checkpoint is of the step that was reached.
        """
        config, started, since = self.config, time.perf_counter(), self.step_count
        with repeatable(self.accelerator.device), finishing() as asked, largest(self.accelerator) as agreed:
            while self.step_count < config.steps:
                values = self.step(self.step_count)
                self.step_count += 1
                done, ending = self.step_count == config.steps, agreed(asked())
                if self.step_count % config.request.log_every == 0 or done:
                    metrics = self._checked(values)
                    seconds = time.perf_counter() - started
                    metrics["images_per_second"] = (self.step_count - since) * config.batch_size / seconds
                    self._log(metrics, observer)
                if self.step_count % config.request.save_every == 0 or done or ending:
                    self._checked(values)
                    self._health.check_weights(self.players, self.step_count, self.run_directory)
                    self.save(observer)
                if self.accelerator.is_main_process:
                    observer.on_step(self.step_count)
                if ending and not done:
                    raise Terminated(ending)

    def step(self, step: int) -> dict[str, Tensor]:
        """One step of all players.

        Returns:
            Every term's unweighted value by ``player/term``, detached, of this process's share.
        """
        torch.manual_seed(_step_seed(self.config.request.seed, step, self.accelerator.process_index))
        playing = [p for p in self.players if p.spec.plays(step)]
        view = self.view(step)
        values = play(view, playing, self.config.steps)
        for player in playing:
            self._update(player, step)
        for player in playing:
            for again in range(1, player.spec.repeats):
                fresh = again if player.spec.fresh else 0
                play(view.renewed(player.spec.trains, fresh=fresh), [player], self.config.steps)
                self._update(player, step)
        self._track_average()
        self._health.look(values, step)
        return values

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs."""
        state = prefixed("parts", self.parts.state_dict())
        for name, term in self.terms.items():
            state |= prefixed(f"terms.{name}", term.state_dict())
        for player in self.players:
            for i, parameter in enumerate(player.flat):
                slots = player.optimizer.state.get(parameter, {})
                tensors = {k: v for k, v in slots.items() if isinstance(v, Tensor)}
                state |= prefixed(f"optimizers.{player.name}.{i}", tensors)
        if self.average is not None:
            state |= prefixed("average", self.average.state_dict())
        if self.frame is not None:
            state |= prefixed("frame", self.frame.state_dict())
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`.

        Raises:
            RunError: the tensors do not fit the networks.
        """
        where = self.run_directory.training_file
        load_into(self.parts, below("parts", state), where)
        for name, term in self.terms.items():
            load_into(term, below(f"terms.{name}", state), where)
        for player in self.players:
            options = player.optimizer.param_groups[0]
            for i, parameter in enumerate(player.flat):
                slots = below(f"optimizers.{player.name}.{i}", state)
                player.optimizer.state[parameter] = {k: _slot(k, v, parameter, options) for k, v in slots.items()}
        if self.average is not None:
            load_into(self.average, below("average", state), where)
        if self.frame is not None:
            load_into(self.frame, below("frame", state), where)

    def save(self, observer: Observer) -> None:
        """Write a checkpoint, on the main process."""
        if self.accelerator.is_main_process:
            self.run_directory.save(self._model(), self.state(), self.step_count)
            observer.on_save(self.step_count)
        self.accelerator.wait_for_everyone()

    def resume(self) -> None:
        """Continue from the run directory's checkpoint.

        Of the two files of a checkpoint the model is the second: where the last one was cut short, it is written now.
        """
        state, metadata = read_tensors(self.run_directory.training_file)
        self.load_state(state)
        self.step_count = int(metadata["step"])
        if self.accelerator.is_main_process:
            self.run_directory.truncate_metrics(self.step_count)
            if self.step_count == self.config.steps and self.run_directory.model_step() != self.step_count:
                self.run_directory.save_model(self._model(), self.step_count)

    def _model(self) -> dict[str, Tensor]:
        """What editing needs; of a finished training with what the model knows."""
        if self.step_count == self.config.steps and self._settle is not None:
            self._settle(self.kept)
        model = prefixed("known", self.kept.known.state_dict())
        for name in self.config.recipe.edits_with:
            model |= prefixed(name, self.kept.parts[name].state_dict())
        return model if self.frame is None else model | prefixed("frame", self.frame.state_dict())

    # --- parts of a step ----------------------------------------------------------------------------------------

    def view(self, step: int) -> BatchView:
        """The step's share of the batch, on the device."""
        config, device = self.config, self.accelerator.device
        indices = self.order.indices(step)[self.rows.start : self.rows.stop]
        # From memory that is not pinned, only CUDA has taken everything by the time this returns.
        soon = device.type == "cuda"
        images = self.store.batch(indices).to(device, non_blocking=soon).float().div_(255)
        images = augmented(images, config.request.augment, self.rows, config.request.seed, step)
        detail = config.recipe.detail
        return BatchView(
            self.model,
            F.avg_pool2d(images, detail) if detail > 1 else images,
            self.labels[torch.from_numpy(indices)].to(device, non_blocking=soon),
            rows=self.rows,
            seed=config.request.seed,
            step=step,
            full=images,
            missing=self.missing,
            autocast=self.accelerator.autocast,
        )

    def _update(self, player: ActivePlayer, step: int) -> None:
        """Average gradients over processes, clip, and step; nothing happens where no term was due."""
        parameters = [p for p in player.flat if p.grad is not None]
        if not parameters:
            return
        if self.accelerator.num_processes > 1:
            _average_gradients(parameters, self.accelerator)
        if player.spec.clip is not None:
            nn.utils.clip_grad_norm_(parameters, player.spec.clip)
        rate = at_step(player.spec.optimizer.lr, step, self.config.steps)
        for group in player.optimizer.param_groups:
            group["lr"] = rate
        player.optimizer.step()

    def _track_average(self) -> None:
        """Move the averaged weights towards the current ones; statistics that are no weights are copied."""
        if self.average is None:
            return
        assert self.config.recipe.ema is not None
        now = dict(self.parts.state_dict(keep_vars=False))
        for name, kept in self.average.state_dict(keep_vars=False).items():
            if kept.is_floating_point():
                kept.lerp_(now[name], 1.0 - self.config.recipe.ema)
            else:
                kept.copy_(now[name])

    def _checked(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Terms as numbers, averaged over processes; raises if the run has left sane ground."""
        names = list(values)
        stacked = self.accelerator.reduce(torch.stack([values[n] for n in names]), "mean")
        metrics = dict(zip(names, stacked.tolist(), strict=True))
        self._health.check(metrics, self.players, self.run_directory)
        return metrics

    def _log(self, metrics: Mapping[str, float], observer: Observer) -> None:
        if self.accelerator.is_main_process:
            self.run_directory.append_metrics({"step": self.step_count, **metrics})
            observer.on_log(self.step_count, metrics)


def synchronised(parts: nn.ModuleDict, accelerator: Accelerator) -> nn.ModuleDict:
    """Batch statistics over all processes; torch has that for GPUs only, elsewhere they stay per process."""
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(parts)  # type: ignore[no-any-return, no-untyped-call]
    return parts


def share_of(batch_size: int, accelerator: Accelerator) -> Slice:
    """This process's rows of a batch.

    Raises:
        UsageError: it cannot be divided evenly.
    """
    each, rest = divmod(batch_size, accelerator.num_processes)
    if rest or not each:
        raise UsageError(
            f"A batch of {batch_size} cannot be divided over {accelerator.num_processes} processes.",
            "Choose --batch-size as a multiple of their number.",
        )
    return Slice(accelerator.process_index * each, (accelerator.process_index + 1) * each, batch_size)


def _average_of(parts: nn.ModuleDict, names: Sequence[str]) -> nn.ModuleDict:
    import copy

    average = nn.ModuleDict({n: copy.deepcopy(parts[n]) for n in names})
    return average.requires_grad_(False)


def _average_gradients(parameters: list[nn.Parameter], accelerator: Accelerator) -> None:
    """One reduction of one flat buffer, written back."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def _slot(name: str, saved: Tensor, parameter: Tensor, options: Mapping[str, Any]) -> Tensor:
    """An optimiser's slot where it wants it, in the memory format of its parameter."""
    if name == "step":
        # Kernels that do all of a step count on the device, others in Python.
        return saved.to(parameter.device) if options.get("fused") or options.get("capturable") else saved
    return torch.empty_like(parameter).copy_(saved) if saved.shape == parameter.shape else saved.to(parameter.device)


def _step_seed(seed: int, step: int, process: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{step}/{process}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
