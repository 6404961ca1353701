"""Which plugins there are: entry points of installed distributions, and files. Imports none; for the registry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from attredit.errors import UsageError, nearest
from attredit.plugin.files import plugin_files
from attredit.plugin.hookspecs import GROUP
from attredit.version import __version__

LOAD = "ATTREDIT_LOAD_PLUGINS"

OWN = "attredit"


@dataclass(frozen=True)
class Candidate:
    """A plugin that may be loaded.

    Attributes:
        entry: Its name, and its module's.
        distribution: That it belongs to; a file's path.
        version: Of the distribution.
    """

    entry: EntryPoint
    distribution: str = OWN
    version: str = __version__

    @property
    def name(self) -> str:
        """The plugin's."""
        return self.entry.name


# Loaded always: no recipe does without its terms.
CORE = Candidate(EntryPoint("core", "attredit.plugin.builtin", GROUP))


def installed_plugins() -> tuple[list[Candidate], list[tuple[str, Exception]]]:
    """Plugins of all installed distributions; and the distributions of which that cannot be told, with the reason."""
    found: dict[str, list[Candidate]] = {}
    unreadable = []
    for distribution in distributions():
        try:
            # Most have no plugins, and parsing their metadata would take most of the time.
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                candidates = _candidates(distribution)
                # Of two copies of a distribution, Python imports the first on its path.
                found.setdefault(re.sub(r"[-_.]+", "-", candidates[0].distribution).lower(), candidates)
        except Exception as error:  # one damaged file must not hide all other plugins
            unreadable.append((_place(distribution), error))
    every = [candidate for own in found.values() for candidate in own]
    # Ours first: of two plugins of one name, the second is refused.
    return sorted(every, key=lambda c: (c.distribution != OWN, c.name, c.distribution)), unreadable


def file_plugins(installed: Sequence[Candidate]) -> list[Candidate]:
    """Plugins that are files.

    Raises:
        UsageError: one cannot be a plugin, or has the name of an installed one.
    """
    files = [candidate for file in plugin_files() for candidate in _candidates(file)]
    for file in files:
        for other in (CORE, *installed):
            if other.name == file.name:
                raise UsageError(
                    f"Plugin file {file.distribution} has the name of a plugin of {other.distribution}.",
                    "Rename the file.",
                )
    return files


def wanted_plugins(known: Iterable[str]) -> set[str] | None:
    """Names that ATTREDIT_LOAD_PLUGINS asks for; None for all.

    Raises:
        UsageError: there is no such plugin.
    """
    if LOAD not in os.environ:
        return None
    wanted, known = {name.strip() for name in os.environ[LOAD].split(",")} - {""}, {*known, CORE.name}
    for name in sorted(wanted - known):
        raise UsageError(f"{LOAD} names an unknown plugin {name!r}.", nearest(name, known))
    return wanted


def _candidates(distribution: Distribution) -> list[Candidate]:
    metadata = distribution.metadata
    for needed in ("Name", "Version"):
        if needed not in metadata:
            raise ValueError(f"its METADATA has no {needed}")
    name, version = metadata["Name"], metadata["Version"]
    return [Candidate(entry, name, version) for entry in distribution.entry_points.select(group=GROUP)]


def _place(distribution: Distribution) -> str:
    """Its name, or, where not even that can be read, the folder that it is in."""
    try:
        if "Name" in distribution.metadata:
            return distribution.metadata["Name"]
    except UnicodeDecodeError:  # the reason is told already
        pass
    return f"a distribution in {distribution.locate_file('')}"
