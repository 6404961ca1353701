"""The run directory: what a training leaves behind, how it is read, and how it is resumed.

config.json           everything needed to rebuild the model, and where it came from
model.safetensors     what editing needs: encoder.*, decoder.* and those of a separate predictor
training.safetensors  everything else a resumed training needs, self-contained and written first
metrics.jsonl         one line per log step
samples/              grids of edits
README.md             the model card

Nothing is pickled. Files are replaced atomically: a killed process or a full disk leaves the previous ones.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attredit.errors import PluginError, RunError
from attredit.files import expanded, explained, from_json, read_metadata, read_tensors, write_tensors, write_text
from attredit.plugin.discovery import LOAD
from attredit.plugin.registry import PluginInfo, Registry
from attredit.runs.config import Origin, RunConfig

if TYPE_CHECKING:
    from torch import Tensor


class RunDirectory:
    """Paths and files of one run.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = expanded(path)
        self.config_file = self.path / "config.json"
        self.model_file = self.path / "model.safetensors"
        self.training_file = self.path / "training.safetensors"
        self.metrics_file = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.card_file = self.path / "README.md"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from attredit.html import html_of

        config, lines = self.config(), self.metrics()
        facts = {
            "method": f"{config.request.method_name}, preset {config.request.preset}",
            "data": f"{config.request.dataset_name}, {config.data.images:,} images",
            "pixels": f"{config.image_size}x{config.image_size}",
            "edits": ", ".join(config.schema_.names),
            "steps": f"{lines[-1]['step'] if lines else 0:,} of {config.steps:,}",
        }
        rows = [("loss at the last step", "")] + [(k, f"{v:.4g}") for k, v in (lines or [{}])[-1].items() if "/" in k]
        pictures = {path.stem: path.read_bytes() for path in sorted(self.samples.glob("step-*.png"))[-1:]}
        return html_of(f"Run {self.path}", facts, rows if lines else (), pictures)

    def require_free(self) -> None:
        """Make sure that it holds no run.

        Raises:
            RunError: it does.
        """
        with self._creating():
            taken = self.config_file.exists()
        if taken:
            raise RunError(
                f"{self.path} already holds a run.",
                f"Continue it with --resume {self.path}, or name another --run-dir.",
            )

    def require_writable(self) -> None:
        """Make sure that it can be made, before hours are spent on what goes there; nothing is left of the attempt.

        Raises:
            RunError: it cannot.
        """
        with self._creating():
            missing = [place for place in (self.samples, *self.samples.parents) if not place.exists()]
            self.samples.mkdir(parents=True, exist_ok=True)
        for place in missing:
            with contextlib.suppress(OSError):  # somebody else put something there
                place.rmdir()

    def create(self, config: RunConfig) -> None:
        """Make the directory and write its configuration.

        Raises:
            RunError: it holds a run already, or cannot be written.
        """
        self.require_free()
        with self._creating():
            self.samples.mkdir(parents=True, exist_ok=True)
        self.write_config(config)

    @contextlib.contextmanager
    def _creating(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(f"Cannot create {self.path}: {error.strerror}.", "Name another --run-dir.") from error

    def write_config(self, config: RunConfig) -> None:
        """Replace config.json. Key order is kept: it is the order in which losses are added, to the last bit."""
        write_text(self.config_file, json.dumps(config.model_dump(), indent=2) + "\n")

    def config(self) -> RunConfig:
        """Read config.json.

        Raises:
            RunError: there is none, or it is damaged or of another format.
        """
        if not self.config_file.is_file():
            raise RunError(
                f"{self.path} is no run: it has no config.json.",
                "Name a directory that attredit train made, or one of `attredit models`.",
            )
        return RunConfig.of_file(self.config_file, "Restore it or train again.")

    def check_plugins(self, registry: Registry, config: RunConfig, needed: Collection[str] | None = None) -> None:
        """Make sure that the plugins are here that a run came from.

        Args:
            registry: What is installed.
            config: The run's configuration.
            needed: Which of its `origins` are asked for; all when None. Those of plugin files always are: nobody can
                install what they were.

        Raises:
            PluginError: one is missing, broken, left out, or a file that has changed; with what to do.
        """
        present: dict[str, PluginInfo] = {}
        for plugin in registry.plugins:
            present.setdefault(plugin.name, plugin)  # of one that took another's name, nothing is used
        for what, origin in config.origins.items():
            # A run outlives its method, whose recipe it has.
            if origin.is_file or (what != "method" if needed is None else what in needed):
                _check_origin(what, origin, present.get(origin.plugin), origin.plugin in registry.left_out)

    def save(self, model: Mapping[str, Tensor], training: Mapping[str, Tensor], step: int) -> None:
        """Write both weight files; the self-contained one for resuming first.

        Raises:
            RunError: the disk is full or the directory cannot be written; the previous files are intact.
        """
        write_tensors(self.training_file, training, {"step": step})
        self.save_model(model, step)

    def save_model(self, model: Mapping[str, Tensor], step: int) -> None:
        """Write what editing needs.

        Raises:
            RunError: as `save`.
        """
        write_tensors(self.model_file, model, {"step": step})

    def model_step(self) -> int | None:
        """The step of which the model is; None where there is no whole one."""
        try:
            return int(read_tensors(self.model_file)[1]["step"])
        except RunError:
            return None

    def sharpened(self) -> dict[str, Any] | None:
        """What the model was taught finer edits on (`attredit.training.sharpening.Sharpened`), if it was.

        Raises:
            RunError: there is a model, and it cannot be read.
        """
        return read_metadata(self.model_file).get("sharpened") if self.model_file.is_file() else None

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        with explained(self.metrics_file), self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; one cut short by a kill is left out.

        Raises:
            RunError: a line is none of ours.
        """
        if not self.metrics_file.exists():
            return []
        try:
            lines = [from_json(line) for line in self.metrics_file.read_text("utf-8").split("\n")[:-1]]
            if not all(isinstance(line["step"], int) for line in lines):
                raise ValueError("a step is no number")
            if not all(isinstance(value, int | float) for line in lines for value in line.values()):
                raise ValueError("a loss is no number")
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.metrics_file} is damaged: {error}.", "Restore it, or delete it: nothing is computed from it."
            ) from error
        return lines

    def truncate_metrics(self, step: int) -> None:
        """Forget metrics after a step, which a resumed run is about to repeat."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(kept))


def _check_origin(what: str, origin: Origin, plugin: PluginInfo | None, left_out: bool) -> None:
    """Make sure that one plugin is here, and is what it was if it is a file."""
    its, mend = "whose plugin", f"Install it: pip install {origin.distribution}=={origin.version}"
    if origin.is_file:
        its, mend = f"of the file {origin.distribution}, which", f"Name it: --plugin {origin.distribution}"
    if plugin is not None and plugin.error:
        raise PluginError(f"The run's {what} is {origin.id}, {its} is broken: {plugin.error}.", mend)
    if left_out:
        raise PluginError(f"The run's {what} is {origin.id}, {its} {LOAD} leaves out.", f"Name {origin.plugin} in it.")
    if plugin is None and origin.is_file:
        also = f'in Python: attredit.use_plugin("{origin.distribution}")'
        raise PluginError(f"The run's {what} is {origin.id}, {its} was not named.", f"{mend}; {also}")
    if plugin is None:
        raise PluginError(f"The run's {what} is {origin.id}, {its} is not installed.", mend)
    if origin.is_file and plugin.version != origin.version:
        raise PluginError(
            f"The run's {what} is {origin.id}, {its} has changed since: it is {plugin.version} now.",
            f"Restore the one that is {origin.version}, or train again.",
        )
