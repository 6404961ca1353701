"""The command line that a run came from, put together from its config.json."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attredit.plugin.registry import Component, Registry
from attredit.recipe import presets_of, resolve
from attredit.runs.config import RunConfig


def train_command(registry: Registry, config: RunConfig, run_dir: Path | None = None) -> str:
    """A command that trains the same model again; only what differs from the defaults is spelt out.

    A run outlives its method: without the method's plugin this is a shell comment that says so.

    Args:
        registry: Where the method is.
        config: Of the run.
        run_dir: Named in the command, if given.
    """
    method = method_of(registry, config)
    if method is None or config.preset not in presets_of(method):
        return f"# {config.method}:{config.preset} is not installed here; config.json has the whole recipe."
    words = ["attredit", "train", "--method", config.method]
    if config.preset != "default":
        words += ["--preset", config.preset]
    words += config.plugin_options
    words += ["--dataset", config.data.name]
    for attribute in config.schema_.names:
        words += ["--attr", attribute]
    base = resolve(registry, config.method, config.preset)
    for key, value in _differences(base.model_dump(), config.recipe.model_dump()):
        words += ["--set", f"{key}={_text(value)}"]
    words += _data(config)
    if config.geometry.crop != "centre":
        words += ["--crop", config.geometry.crop]
    for kind in config.augment:
        words += ["--augment", kind]
    words += ["--image-size", str(config.image_size), "--steps", str(config.steps), "--seed", str(config.seed)]
    if config.batch_size != config.recipe.batch_size:
        words += ["--batch-size", str(config.batch_size)]
    if config.precision != "fp32":
        words += ["--precision", config.precision]
    if run_dir is not None:
        words += ["--run-dir", str(run_dir)]
    return shlex.join(words)


def method_of(registry: Registry, config: RunConfig) -> Component | None:
    """The run's method, if it is installed."""
    return next((c for c in registry.components("method") if config.method in (c.id, c.name)), None)


def _data(config: RunConfig) -> list[str]:
    words = [] if config.data.directory is None else ["--data-dir", config.data.directory]
    for key, value in _leaves(config.data.options):
        words += ["--data-option", f"{key}={_text(value)}"]
    for name in config.data.balance:
        words += ["--balance", name]
    return words


def _differences(base: Any, actual: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys whose values are not those of the base; what is gone is null."""
    if not isinstance(base, Mapping) or not isinstance(actual, Mapping) or not base or not actual:
        if base != actual:
            yield path, actual
        return
    if base.get("use") != actual.get("use"):
        yield path, actual  # another component: nothing of this one's options applies to it
        return
    for key in {**base, **actual}:
        below = f"{path}.{key}".lstrip(".")
        if key not in base:
            yield from _leaves(actual[key], below)
        else:
            yield from _differences(base[key], actual.get(key), below)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested dictionaries, and their values."""
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{path}.{key}".lstrip("."))


def _text(value: Any) -> str:
    """As the command line reads it: JSON, but plain words without quotes."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except json.JSONDecodeError:
            return value
    return json.dumps(value)
