"""Checks a plugin: every promise on every component that it is about."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attredit.errors import PluginError, UsageError, in_one_line, nearest
from attredit.plugin.registry import Component, PluginInfo, Registry, installed
from attredit.testing.promises import PROMISES, Promise
from attredit.testing.report import Broken, BrokenPromises, Check, Report, Skipped
from attredit.testing.workshop import Subject, Workshop, workshop

IMPORT_MILLISECONDS = 100.0


@dataclass(frozen=True)
class Planned:
    """A promise that is to be checked on a component; on the plugin itself where that is None."""

    promise: Promise
    plugin: PluginInfo
    component: Component | None

    @property
    def kind(self) -> str:
        """The component's kind, or "plugin"."""
        return "plugin" if self.component is None else self.component.kind

    @property
    def name(self) -> str:
        """The component's id, or the plugin's name."""
        return self.plugin.name if self.component is None else self.component.id


def check_plugin(
    name: str,
    *,
    quick: bool = False,
    only: Collection[str] = (),
    import_milliseconds: float = IMPORT_MILLISECONDS,
    data_dir: str | Path | None = None,
    data_options: Mapping[str, Any] | None = None,
) -> Report:
    """Check everything that a plugin registers.

    Args:
        name: The plugin's, as `attredit plugins` lists it.
        quick: Leave out the promises that need further processes.
        only: Check these promises alone; all when empty.
        import_milliseconds: What importing the plugin may cost.
        data_dir: Where its data sets find their data, for those that do not make or get them themselves.
        data_options: Options of its data sets.

    Returns:
        What was checked: nothing in it failed.

    Raises:
        BrokenPromises: a promise is broken; the text lists all that are.
        UsageError: there is no such plugin or promise.
    """
    report = Report(name)
    found = checks(
        name,
        quick=quick,
        only=only,
        import_milliseconds=import_milliseconds,
        data_dir=data_dir,
        data_options=data_options,
    )
    report.checks.extend(found)
    if report.failed:
        raise BrokenPromises(report)
    return report


def checks(
    name: str,
    *,
    quick: bool = False,
    only: Collection[str] = (),
    import_milliseconds: float = IMPORT_MILLISECONDS,
    data_dir: str | Path | None = None,
    data_options: Mapping[str, Any] | None = None,
) -> Iterator[Check]:
    """`check_plugin`, one check after the other, as `plan` lists them; nothing is raised for a broken promise.

    Raises:
        UsageError: there is no such plugin or promise.
    """
    registry = installed()
    tasks = plan(name, quick=quick, only=only)
    with workshop(registry, import_milliseconds, data_dir, dict(data_options or {})) as place:
        for task in tasks:
            yield _done(task, place)


def plan(name: str, *, quick: bool = False, only: Collection[str] = ()) -> list[Planned]:
    """What `checks` is going to check, in order; nothing but whether it loads, of a plugin that does not.

    Raises:
        UsageError: there is no such plugin or promise.
    """
    known = [promise.name for promise in PROMISES]
    for promise in only:
        if promise not in known:
            raise UsageError(f"Unknown promise {promise!r}.", nearest(promise, known))
    plugin = _plugin(installed(), name)
    asked = [p for p in PROMISES if (not only or p.name in only) and (p.quick or not quick)]
    if plugin.error:
        return [Planned(PROMISES[0], plugin, None)]
    return [Planned(p, plugin, c) for p in asked for c in (None, *plugin.components) if _about(p, c)]


def _plugin(registry: Registry, name: str) -> PluginInfo:
    named = {plugin.name: plugin for plugin in registry.plugins}
    if name not in named:
        raise UsageError(f"Unknown plugin {name!r}.", nearest(name, named))
    return named[name]


def _about(promise: Promise, component: Component | None) -> bool:
    return ("plugin" if component is None else component.kind) in promise.targets


def _done(task: Planned, place: Workshop) -> Check:
    """Check one promise on one component; whatever is raised there is the component's."""
    started = time.perf_counter()
    found: dict[str, Any]
    try:
        _importable(task.component)
        note = task.promise.function(task.kind)(Subject(place, task.plugin, task.component))
        found = {"state": "passed", "note": note}
    except Skipped as reason:
        found = {"state": "skipped", "note": str(reason)}
    except Broken as broken:
        found = {"state": "failed", "expected": broken.expected, "found": broken.found}
    except (Exception, SystemExit) as error:
        found = {
            "state": "failed",
            "expected": task.promise.summary,
            "found": in_one_line(error),
            "traceback": traceback.format_exc(),
        }
    milliseconds = 1000 * (time.perf_counter() - started)
    return Check(task.promise.name, task.name, task.kind, milliseconds=milliseconds, **found)


def _importable(component: Component | None) -> None:
    """Raise `Skipped` for a component that cannot be imported; the promise `loads` says why."""
    if component is not None:
        try:
            component.load()
        except PluginError as error:
            raise Skipped("it cannot be imported: see the promise loads") from error
