"""Finds plugins and hands out what they registered. Used by everything that takes a name from the user.

Each plugin is loaded alone and its registrations are committed only when all its hooks succeeded, so a broken one
breaks nothing but itself: it stays in `Registry.plugins` with its error. ``ATTREDIT_STRICT_PLUGINS=1`` re-raises.
"""

from __future__ import annotations

import importlib
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from attredit import API, __version__, hookspecs
from attredit.errors import PluginError, UsageError, nearest

KINDS = ("encoder", "decoder", "discriminator", "factorizer", "term", "metric", "dataset", "method")

_BUILTIN = EntryPoint("core", "attredit.builtin", hookspecs.GROUP)


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
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            install = f"Install what it needs: pip install {' '.join(self.needs)}" if self.needs else ""
            raise PluginError(f"{self.kind} {self.id} cannot be loaded: {error}.", install) from error


@dataclass
class PluginInfo:
    """What is known about one plugin, working or broken."""

    name: str
    distribution: str
    version: str
    module: str
    milliseconds: float = 0.0
    api: int | None = None
    error: str = ""
    traceback: str = ""
    components: tuple[Component, ...] = ()


class Registry:
    """All components of all plugins, by kind and name."""

    def __init__(self) -> None:
        self.plugins: list[PluginInfo] = []
        self._components: dict[tuple[str, str], Component] = {}
        self._manager = pluggy.PluginManager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def discover(cls) -> Registry:
        """A registry of everything installed: the core's own terms, then every entry point of the group."""
        found = cls()
        for entry in (_BUILTIN, *sorted(entry_points(group=hookspecs.GROUP), key=lambda e: e.name)):
            found.add(entry)
        return found

    def add(self, entry: EntryPoint) -> PluginInfo:
        """Load one plugin. A failure is recorded, or raised when ATTREDIT_STRICT_PLUGINS is set."""
        distribution = entry.dist.name if entry.dist else "attredit"
        info = PluginInfo(entry.name, distribution, entry.dist.version if entry.dist else __version__, entry.module)
        started = time.perf_counter()
        try:
            module = entry.load()
            info.api = getattr(module, "attredit_api", None)
            components = self._collect(module, info)
        except (Exception, SystemExit) as error:
            if os.environ.get("ATTREDIT_STRICT_PLUGINS", "") not in ("", "0"):
                raise
            info.error = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            info.traceback = traceback.format_exc()
        else:
            info.components = tuple(components)
            self._components.update({(c.kind, c.id): c for c in components})
        info.milliseconds = 1000 * (time.perf_counter() - started)
        self.plugins.append(info)
        return info

    def components(self, kind: str) -> list[Component]:
        """Everything registered of one kind, sorted by id."""
        return sorted((c for (k, _), c in self._components.items() if k == kind), key=lambda c: c.id)

    def find(self, kind: str, name: str) -> Component:
        """Look up a component by short name, or by ``plugin/name``.

        Raises:
            UsageError: nothing of that name; several plugins share the short name; or its plugin is broken.
        """
        known = self.components(kind)
        matches = [c for c in known if name in (c.id, c.name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(
                f"Several plugins have a {kind} {name!r}.", f"Say which: {', '.join(c.id for c in matches)}."
            )
        broken = [p for p in self.plugins if p.error and name.split("/")[0] == p.name]
        if broken:
            raise PluginError(
                f"{kind} {name!r} belongs to plugin {broken[0].name}, which is broken: {broken[0].error}."
            )
        short = [c.name for c in known]
        choices = [c.id if "/" in name or short.count(c.name) > 1 else c.name for c in known]
        silent = ", ".join(p.name for p in self.plugins if p.error)
        also = f" Not looked into, because broken: {silent}." if silent else ""
        raise UsageError(f"Unknown {kind} {name!r}.", nearest(name, choices) + also)

    def load(self, kind: str, name: str) -> Any:
        """Import the component of that name."""
        return self.find(kind, name).load()

    def _collect(self, module: ModuleType, info: PluginInfo) -> list[Component]:
        """Everything `module` registers; nothing is kept of it if any hook fails."""
        if info.api != API:
            raise PluginError(f"written for API {info.api}, this is attredit with API {API}")
        manager = self._manager
        manager.register(module, info.name)
        try:
            manager.check_pending()
            others = [p for p in manager.get_plugins() if p is not module]
            components: dict[str, Component] = {}
            for kind in KINDS:
                hook = manager.subset_hook_caller(f"register_{kind}s", others)
                hook(register=_Collector(kind, info, components))
        except BaseException:
            manager.unregister(module)
            raise
        return list(components.values())


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


@lru_cache(maxsize=1)
def installed() -> Registry:
    """The registry of this process, discovered once."""
    return Registry.discover()
