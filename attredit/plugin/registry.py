"""Finds plugins and hands out what they registered. Used by everything that takes a name from the user.

Each plugin is loaded alone and its registrations are committed only when all its hooks succeeded, so a broken one
breaks nothing but itself: it stays in `Registry.plugins` with its error. ``ATTREDIT_STRICT_PLUGINS=1`` re-raises.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint
from typing import Any

from attredit.errors import PluginError, UsageError, nearest
from attredit.plugin.discovery import CORE, LOAD, OWN, Candidate, file_plugins, installed_plugins, wanted_plugins
from attredit.plugin.files import VARIABLE, forget, with_file
from attredit.plugin.loading import KINDS, Component, Loader, PluginInfo, sentence_of

__all__ = ["KINDS", "Component", "PluginInfo", "Registry", "bare", "installed", "use_plugin", "using_plugins"]


class Registry:
    """All components of all plugins, by kind and name.

    Attributes:
        plugins: All that were looked into, broken ones as well.
        left_out: Names of those that ATTREDIT_LOAD_PLUGINS leaves out.
    """

    def __init__(self) -> None:
        self.plugins: list[PluginInfo] = []
        self.left_out: tuple[str, ...] = ()
        self._components: dict[tuple[str, str], Component] = {}
        self._loader = Loader()

    @classmethod
    def discover(cls) -> Registry:
        """A registry of the core's own terms, of all that is installed, and of plugin files.

        Raises:
            UsageError: ATTREDIT_LOAD_PLUGINS names what does not exist, or ATTREDIT_PLUGIN_FILES what cannot be one.
        """
        found = cls()
        known, unreadable = installed_plugins()
        wanted, files = wanted_plugins(plugin.name for plugin in known), file_plugins(known)
        taken = [plugin for plugin in known if wanted is None or plugin.name in wanted]
        found.left_out = tuple(sorted({plugin.name for plugin in known} - {plugin.name for plugin in taken}))
        for plugin in (CORE, *taken, *files):
            found._add(plugin)
        for name, error in unreadable:
            trace = "".join(traceback.format_exception(error))
            said = f"its metadata cannot be read: {sentence_of(error)}"
            found.plugins.append(PluginInfo(name, name, "", error=said, traceback=trace))
        return found

    def add(self, entry: EntryPoint) -> PluginInfo:
        """Load one plugin. A failure is recorded, or raised when ATTREDIT_STRICT_PLUGINS is set."""
        return self._add(Candidate(entry))

    def components(self, kind: str) -> list[Component]:
        """Everything registered of one kind, sorted by id.

        Raises:
            PluginError: a plugin file is broken; whoever names one does not want to do without it.
        """
        for plugin in self.plugins:
            if plugin.is_file and plugin.error:
                more = f"attredit plugins show {plugin.name} --traceback --plugin {plugin.distribution}"
                raise PluginError(f"Plugin file {plugin.distribution} is broken: {plugin.error}.", f"See: {more}")
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
            raise _which(kind, name, matches)
        broken = [p for p in self.plugins if p.error and name.split("/")[0] == p.name]
        if broken:
            raise PluginError(
                f"{kind} {name!r} belongs to plugin {broken[0].name}, which is broken: {broken[0].error}."
            )
        short = [c.name for c in known]
        choices = [c.id if "/" in name or short.count(c.name) > 1 else c.name for c in known]
        raise UsageError(f"Unknown {kind} {name!r}.", nearest(name, choices) + self.not_looked_into)

    def id_of(self, kind: str, name: str, by: Component | None = None, but: str = "") -> str:
        """The full id of what a name means; the name itself where nothing has it, which whoever builds it says.

        Args:
            kind: Of component.
            name: A short name, or a full id.
            by: Whose plugin wrote the name: it means its own component, else its distribution's, else attredit's, else
                whichever has it. When None, a user did.
            but: The full name of a component that is not meant.

        Raises:
            UsageError: a user's name is that of several components.
        """
        found = [c for c in self.components(kind) if name in (c.id, c.name) and c.id != but]
        if by is None and len(found) > 1:
            raise _which(kind, name, found)
        if by is not None:
            nearer = ([c for c in found if c.plugin == by.plugin], *_of(found, by.distribution, OWN), found)
            found = next(filter(None, nearer), [])
        return found[0].id if len(found) == 1 else name

    def get(self, kind: str, name: str) -> Component | None:
        """The first component of that name; None where nothing has it."""
        return next((c for c in self.components(kind) if name in (c.id, c.name)), None)

    def load(self, kind: str, name: str) -> Any:
        """Import the component of that name."""
        return self.find(kind, name).load()

    @property
    def not_looked_into(self) -> str:
        """A sentence on where else something might be, with a space before it; empty when all was looked into."""
        broken = ", ".join(plugin.name for plugin in self.plugins if plugin.error)
        said = f" Not looked into, because broken: {broken}." if broken else ""
        if self.left_out:
            said += f" Not looked into, because {LOAD} leaves them out: {', '.join(self.left_out)}."
        return said

    def _add(self, plugin: Candidate) -> PluginInfo:
        info = self._loader.load(plugin, self.plugins)
        self._components.update({(c.kind, c.id): c for c in info.components})
        self.plugins.append(info)
        return info


def bare(reference: str) -> str:
    """A name without the plugin in front of it, for people: ``networks/conv`` is conv, whatever follows a colon."""
    name, colon, argument = reference.partition(":")
    return name.rpartition("/")[2] + colon + argument


def _of(components: Sequence[Component], *distributions: str) -> Iterator[list[Component]]:
    """Those of each distribution."""
    return ([c for c in components if c.distribution == name] for name in distributions)


def _which(kind: str, name: str, found: Sequence[Component]) -> UsageError:
    return UsageError(f"Several plugins have a {kind} {name!r}.", f"Say which: {', '.join(c.id for c in found)}.")


@lru_cache(maxsize=1)
def installed() -> Registry:
    """The registry of this process, discovered once."""
    return Registry.discover()


def use_plugin(file: str | os.PathLike[str]) -> None:
    """Use a plugin that is one file and not installed, in this process and in those that it starts.

    Named again, it is read again.

    Args:
        file: A Python module with hooks, such as ``my_method.py``. Its plugin is called ``my_method``, and targets in
            it are ``"my_method:Mine"``.

    Raises:
        UsageError: it is no file, no Python module by its name, or its name is that of another module or plugin file.
    """
    os.environ[VARIABLE] = with_file(file)
    forget(file)
    installed.cache_clear()


@contextlib.contextmanager
def using_plugins(files: Sequence[str | os.PathLike[str]]) -> Iterator[None]:
    """`use_plugin` for each of the files, until the end of the block.

    Raises:
        UsageError: see `use_plugin`.
    """
    before = os.environ.get(VARIABLE)
    used: list[str | os.PathLike[str]] = []
    try:
        for file in files:
            use_plugin(file)
            used.append(file)
        yield
    finally:
        os.environ[VARIABLE] = before or ""
        for file in used:
            forget(file)
        installed.cache_clear()
