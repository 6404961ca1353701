"""Loads one plugin, isolated, and keeps what it registered or why it is broken. Used by `attredit.plugin.registry`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pluggy

from attredit.errors import PluginError, PluginWarning, nearest
from attredit.plugin import hookspecs
from attredit.plugin.discovery import Candidate
from attredit.plugin.files import is_file_version
from attredit.plugin.isolation import Conduct, contained, isolated
from attredit.version import API, __version__

KINDS = (
    "encoder", "decoder", "discriminator", "factorizer", "compositor", "network", "term", "metric", "dataset", "method",
)  # fmt: skip


@dataclass(frozen=True)
class Component:
    """Something a plugin registered."""

    kind: str
    name: str
    plugin: str
    target: str
    summary: str = ""
    presets: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    distribution: str = "attredit"
    version: str = ""

    @property
    def id(self) -> str:
        """The full, unique name: ``plugin/name``."""
        return f"{self.plugin}/{self.name}"

    def load(self, target: str | None = None) -> Any:
        """Import what `target` (default: the component's own) names.

        Raises:
            PluginError: it cannot be imported.
        """
        module, _, attribute = (target or self.target).partition(":")
        try:
            return getattr(sys.modules.get(module) or self._imported(module), attribute)
        except (ImportError, AttributeError) as error:
            install = f"Install what it needs: pip install {' '.join(self.needs)}" if self.needs else ""
            raise PluginError(f"{self.kind} {self.id} cannot be loaded: {error}.", install) from error
        except Exception as error:
            raise PluginError(f"{self.kind} {self.id} cannot be loaded: {sentence_of(error)}.") from error

    def _imported(self, module: str) -> ModuleType:
        """Import a module of its plugin, which changes nothing for others; what it does instead, a warning tells."""
        conduct = Conduct()
        with contained(conduct):
            found = importlib.import_module(module)
        for said in conduct.warnings:
            warnings.warn(f"Plugin {self.plugin}, importing {module}: it {said}.", PluginWarning, stacklevel=3)
        return found


@dataclass
class PluginInfo:
    """What is known about one plugin, working or broken.

    Attributes:
        name: Of the plugin.
        distribution: That brought it; a file's path.
        version: Of the distribution; a file's SHA-256.
        module: That the hooks are in.
        milliseconds: How long it took to load.
        api: That it was written for, if it says so.
        error: Why it is broken, in a sentence without its full stop; empty when it works.
        traceback: Of the error.
        warnings: What it did while it was loaded that it should not do, although it works.
        components: What it registered.
    """

    name: str
    distribution: str
    version: str
    module: str = ""
    milliseconds: float = 0.0
    api: int | None = None
    error: str = ""
    traceback: str = ""
    warnings: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and not installed."""
        return is_file_version(self.version)


class Loader:
    """Loads plugins, one at a time."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)

    def load(self, plugin: Candidate, before: Sequence[PluginInfo]) -> PluginInfo:
        """Import a plugin and call its hooks.

        Args:
            plugin: To be loaded.
            before: Those that were loaded before; it must not have the name of one.

        Returns:
            All that it registered; or nothing of it and its error, which is raised when ATTREDIT_STRICT_PLUGINS is set.
        """
        info = PluginInfo(plugin.name, plugin.distribution, plugin.version, plugin.entry.module)
        with isolated(f"plugin {info.name} ({info.distribution})") as conduct:
            try:
                info.components = tuple(self._components(plugin, info, before))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit() and what pytest.skip() raises are no Exceptions
                if os.environ.get("ATTREDIT_STRICT_PLUGINS", "") not in ("", "0"):
                    raise
                info.error, info.traceback = sentence_of(error), traceback.format_exc()
        info.milliseconds, info.warnings = conduct.milliseconds, tuple(conduct.warnings)
        if not info.error and not info.components:
            info.warnings += ("registers nothing: are its hooks marked with @hookimpl?",)
        return info

    def _components(self, plugin: Candidate, info: PluginInfo, before: Sequence[PluginInfo]) -> list[Component]:
        for other in before:
            if other.name == info.name:
                raise PluginError(f"its name is that of a plugin of {other.distribution}, which was found first")
        module = plugin.entry.load()
        info.api = getattr(module, "attredit_api", None)
        if info.api != API:
            raise PluginError(_other_api(info))
        self._check_hooks(module)
        collected: dict[str, Component] = {}
        try:
            self._manager.register(module, info.name)
            for kind in KINDS:
                # No other plugin is registered now, so none is called again.
                getattr(self._manager.hook, f"register_{kind}s")(register=_Collector(kind, info, collected))
        finally:
            if self._manager.is_registered(module):
                self._manager.unregister(module)
        return list(collected.values())

    def _check_hooks(self, module: ModuleType) -> None:
        known = [f"register_{kind}s" for kind in KINDS]
        for name in dir(module):
            options = self._manager.parse_hookimpl_opts(module, name)
            if options is not None and (options.get("specname") or name) not in known:
                raise PluginError(f"implements {name}, which is no hook.", nearest(name, known).rstrip("."))


@dataclass
class _Collector:
    """The `register` callback of one hook call."""

    kind: str
    info: PluginInfo
    found: dict[str, Component]

    def __call__(
        self,
        name: str,
        target: str,
        *,
        summary: str = "",
        presets: Mapping[str, str] | None = None,
        needs: Sequence[str] = (),
    ) -> None:
        key = f"{self.kind} {name}"
        if key in self.found:
            raise PluginError(f"registers {key!r} twice")
        if not name.strip() or {"/", ":"} & {*name}:
            raise PluginError(f"{key!r} is no name: it is empty, or has a / or :, which belong to plugins and presets")
        if target.count(":") != 1:
            raise PluginError(f"target {target!r} of {key!r} is not of the form 'module:attribute'")
        self.found[key] = Component(
            self.kind,
            name,
            self.info.name,
            target,
            summary,
            dict(presets or {}),
            tuple(needs),
            self.info.distribution,
            self.info.version,
        )


def sentence_of(error: BaseException) -> str:
    """An error in one sentence, without its full stop."""
    if isinstance(error, PluginError):
        return str(error)
    lines = str(error).strip().splitlines()
    # pluggy says what is wrong in its last lines; others do in the first.
    text = " ".join(lines) if isinstance(error, pluggy.PluginValidationError) else "".join(lines[:1])
    return f"{type(error).__name__}: {text}".removesuffix(": ").removesuffix(".")


def _other_api(info: PluginInfo) -> str:
    if not isinstance(info.api, int):
        return f"does not say which API it was written for; its module needs a line: attredit_api = {API}"
    behind = "attredit" if info.api > API else info.distribution
    return (
        f"written for API {info.api}, and this is attredit {__version__} with API {API}; "
        f"upgrade: pip install -U {behind}"
    )
