"""The run directory: what a training leaves behind, how it is read, and how it is resumed.

config.json           everything needed to rebuild the model, and where it came from
model.safetensors     what editing needs: encoder.* and decoder.*
training.safetensors  everything else a resumed training needs, self-contained and written first
metrics.jsonl         one line per log step
samples/              grids of edits
README.md             the model card

Nothing is pickled. Files are replaced atomically: a killed process or a full disk leaves the previous ones.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attredit.attributes import AttributeSchema
from attredit.errors import PluginError, RunError
from attredit.recipe import Recipe
from attredit.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

FORMAT: Literal[1] = 1


class DataConfig(BaseModel):
    """Which images a run saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    directory: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    fingerprint: str = ""
    images: int = 0


class PartOrigin(BaseModel):
    """Where a part's code came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    distribution: str
    version: str


class RunConfig(BaseModel):
    """config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    method: str
    preset: str
    recipe: Recipe
    attributes: list[dict[str, Any]]
    channels: int
    geometry: dict[str, Any]
    data: DataConfig
    seed: int
    steps: int
    batch_size: int
    precision: Literal["fp32", "bf16"] = "fp32"
    log_every: int = 50
    save_every: int = 500
    origins: dict[str, PartOrigin] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def schema_(self) -> AttributeSchema:
        """The attributes that the model edits."""
        return AttributeSchema.from_json(self.attributes)

    @property
    def image_size(self) -> int:
        """H = W of the model's images."""
        return int(self.geometry["size"])


class RunDirectory:
    """Paths and files of one run.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.model_file = self.path / "model.safetensors"
        self.training_file = self.path / "training.safetensors"
        self.metrics_file = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.card_file = self.path / "README.md"

    def create(self, config: RunConfig) -> None:
        """Make the directory and write its configuration.

        Raises:
            RunError: it holds a run already, or cannot be written.
        """
        if self.config_file.exists():
            raise RunError(
                f"{self.path} already holds a run.",
                f"Continue it with --resume {self.path}, or name another --run-dir.",
            )
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"Cannot create {self.path}: {error.strerror}.", "Name another --run-dir.") from error
        self.write_config(config)

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
                f"{self.path} is no run: it has no config.json.", "Name a directory that attredit train made."
            )
        try:
            return RunConfig.model_validate_json(self.config_file.read_text("utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise RunError(
                f"{self.config_file} is damaged or of another version: {reason}.", "Restore it or train again."
            ) from None

    def check_plugins(self, registry: Registry, config: RunConfig) -> None:
        """Make sure that every part's plugin is here.

        Raises:
            PluginError: one is missing or broken, with what to install.
        """
        present = {p.name: p for p in registry.plugins}
        for part, origin in config.origins.items():
            plugin = present.get(origin.id.split("/")[0])
            install = f"pip install {origin.distribution}=={origin.version}"
            if plugin is None:
                raise PluginError(f"The run's {part} is {origin.id}, whose plugin is not installed.", install)
            if plugin.error:
                raise PluginError(f"The run's {part} is {origin.id}, whose plugin is broken: {plugin.error}.", install)

    def save(self, model: Mapping[str, Tensor], training: Mapping[str, Tensor], step: int) -> None:
        """Write both weight files; the self-contained one for resuming first.

        Raises:
            RunError: the disk is full or the directory cannot be written; the previous files are intact.
        """
        write_tensors(self.training_file, training, {"step": step})
        write_tensors(self.model_file, model, {"step": step})

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        with _explained(self.metrics_file), self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; one cut short by a kill is left out."""
        if not self.metrics_file.exists():
            return []
        lines = self.metrics_file.read_text("utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def truncate_metrics(self, step: int) -> None:
        """Forget metrics after a step, which a resumed run is about to repeat."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(kept))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a safetensors file atomically.

    All metadata go under one key: the format does not fix the order of several, and equal states must be equal bytes.
    """
    from safetensors.torch import save_file

    plain = {k: t.detach().to("cpu").contiguous() for k, t in tensors.items()}
    _replace(path, lambda temporary: save_file(plain, temporary, {"attredit": json.dumps(metadata, sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a safetensors file and its metadata.

    Raises:
        RunError: it is missing, empty, cut short or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing.", "The run was stopped before its first checkpoint; train again.")
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads(file.metadata()["attredit"])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({path.stat().st_size} bytes): {error}.", "Restore it from a copy or train again."
        ) from error


def load_into(module: Any, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Load tensors into a module, exactly.

    Raises:
        RunError: names or shapes differ from what the configuration describes.
    """
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(f"{where} does not fit its config.json: {reason}", "One of the two was changed.") from None


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put names under a prefix."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `prefixed`."""
    return {name[len(prefix) + 1 :]: t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    _replace(path, lambda temporary: Path(temporary).write_text(text, "utf-8"))


def _replace(path: Path, write: Callable[[str], Any]) -> None:
    """Let `write` make a temporary sibling and move it into place; leave nothing behind if it fails."""
    with _explained(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            write(temporary)
            os.chmod(temporary, 0o644)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class _explained:
    """Turns an operating system's refusal to write into one sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # safetensors reports a full disk as its own error type, with the system's words in it.
        from safetensors import SafetensorError

        if isinstance(error, OSError | SafetensorError):
            reason = getattr(error, "strerror", None) or str(error)
            raise RunError(
                f"Cannot write {self.path}: {reason}.", "What was saved before is intact; make room and resume."
            ) from error
