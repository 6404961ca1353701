"""What importing a plugin may do: little, quickly and quietly. Everything but `loads` looks from another process."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import Any

from attredit.errors import PluginError
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject, python

_SECONDS = 120.0
_TRIES = 3


def loads(subject: Subject) -> str:
    """The plugin and every target, presets included."""
    plugin = subject.plugin
    if plugin.error:
        raise Broken("a plugin that loads", f"{plugin.error} (attredit plugins show {plugin.name} --traceback)")
    if not plugin.components:
        raise Broken("a plugin that registers something", "none of its hooks registers anything")
    missing, absent = list[str](), list[str]()
    for component in plugin.components:
        for target in dict.fromkeys((component.target, *component.presets.values())):
            try:
                component.load(target)
            except PluginError as error:
                (absent if component.needs else missing).append(str(error))
    if missing:
        raise Broken("targets that can be imported", " ".join(missing))
    if absent:
        raise Skipped(" ".join(absent))
    return f"{len(plugin.components)} components"


def torch_free(subject: Subject) -> str:
    """The plugin's module alone, as the command line imports it for a list."""
    heavy = _listed(subject).answer["heavy"]
    if heavy:
        raise Broken(f"a module {subject.plugin.module} that imports no torch", f"it imports {', '.join(heavy)}")
    return ""


def cost(subject: Subject) -> str:
    """The least of several tries, since a machine may be busy with other things."""
    limit = subject.place.import_milliseconds
    least = _listed(subject).answer["milliseconds"]
    for _ in range(_TRIES - 1):
        if least > limit:
            least = min(least, _Probe.run(subject, "listing").answer["milliseconds"])
    if least > limit:
        raise Broken(f"an import of at most {limit:.0f} ms", f"{least:.0f} ms")
    return f"{least:.0f} ms"


def silent(subject: Subject) -> str:
    """Of the module and of all targets: commands print results that programs read."""
    printed = _imported(subject).printed
    if printed:
        raise Broken("nothing on stdout", f"importing it prints {printed[:200]!r}")
    return ""


def leaves_state(subject: Subject) -> str:
    """Of the module and of all targets."""
    changed = _imported(subject).answer["changed"]
    if changed:
        raise Broken("global state as it was before the import", f"importing it changes {', '.join(changed[:5])}")
    return ""


@dataclass(frozen=True)
class _Probe:
    """What a process found that imported a plugin.

    Attributes:
        answer: See `attredit.testing.probe`.
        printed: What the plugin printed meanwhile.
    """

    answer: dict[str, Any]
    printed: str

    @classmethod
    def run(cls, subject: Subject, what: str, *targets: str) -> _Probe:
        """Import it in a process that finds modules where this one does."""
        file = subject.place.home / "probe.json"
        file.unlink(missing_ok=True)
        words = ("-m", "attredit.testing.probe", str(file), what, subject.plugin.module, *targets)
        done = python(*words, seconds=_SECONDS)
        if done.code is None:
            raise Broken(f"an import that ends within {_SECONDS:.0f} s", "it does not")
        if not file.exists():
            raise Broken("an import in a fresh process", f"exit code {done.code}: {done.said}")
        return cls(json.loads(file.read_text("utf-8")), done.printed)


def _listed(subject: Subject) -> _Probe:
    return subject.place.once("listing", lambda: _Probe.run(subject, "listing"))


def _imported(subject: Subject) -> _Probe:
    """Targets that cannot be imported are the business of `loads`."""
    targets = {target: None for c in subject.plugin.components for target in (c.target, *c.presets.values())}
    importable = [target for target in targets if _importable(target)]
    return subject.place.once("changes", lambda: _Probe.run(subject, "changes", *importable))


def _importable(target: str) -> bool:
    try:
        importlib.import_module(target.partition(":")[0])
    except ImportError:
        return False
    return True
