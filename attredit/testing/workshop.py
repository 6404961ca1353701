"""Where checks are done: a temporary directory with a cache of its own, and what several checks share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from attredit.plugin.registry import Component, PluginInfo, Registry

T = TypeVar("T")


@dataclass
class Workshop:
    """What checks share.

    Attributes:
        registry: Of everything installed.
        home: A directory for runs and files.
        import_milliseconds: What importing a plugin may cost.
        data_dir: Where data sets find their data.
        data_options: Options of data sets.
        memory: What has been made once, by key.
        runs: How many directories there have been.
    """

    registry: Registry
    home: Path
    import_milliseconds: float
    data_dir: str | None
    data_options: dict[str, Any]
    memory: dict[str, Any] = field(default_factory=dict)
    runs: int = 0

    def once(self, key: str, make: Callable[[], T]) -> T:
        """`make()`, called the first time that this key is asked for."""
        if key not in self.memory:
            self.memory[key] = make()
        found: T = self.memory[key]
        return found

    def directory(self, name: str) -> Path:
        """A new path for a run, whose parent exists."""
        self.runs += 1
        return self.home / f"{name}-{self.runs}"


@dataclass(frozen=True)
class Subject:
    """What a promise is checked on."""

    place: Workshop
    plugin: PluginInfo
    component: Component | None

    @property
    def it(self) -> Component:
        """The component, for promises that are about one."""
        assert self.component is not None, "promises of the plugin itself have no component"
        return self.component

    @property
    def registry(self) -> Registry:
        """Of everything installed."""
        return self.place.registry


@contextmanager
def workshop(
    registry: Registry, import_milliseconds: float, data_dir: str | Path | None, data_options: dict[str, Any]
) -> Iterator[Workshop]:
    """A workshop, and ATTREDIT_CACHE in it, so that nothing of a check stays in the user's cache."""
    before = os.environ.get("ATTREDIT_CACHE")
    with tempfile.TemporaryDirectory(prefix="attredit-check-") as directory:
        home = Path(directory)
        os.environ["ATTREDIT_CACHE"] = str(home / "cache")
        try:
            where = None if data_dir is None else str(data_dir)
            yield Workshop(registry, home, import_milliseconds, where, data_options)
        finally:
            if before is None:
                del os.environ["ATTREDIT_CACHE"]
            else:
                os.environ["ATTREDIT_CACHE"] = before


class Ended(NamedTuple):
    """What a process left: its exit code, None if it took too long, what it printed, and the last line that it said."""

    code: int | None
    printed: str
    said: str


def python(*words: str, seconds: float = 600.0, **settings: str) -> Ended:
    """``python WORDS`` in a process that finds modules where this one does, and none in its current directory."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    env = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", **settings}
    how: dict[str, Any] = {"capture_output": True, "encoding": "utf-8", "errors": "replace", "env": env}
    try:
        done = subprocess.run([sys.executable, *words], timeout=seconds, check=False, **how)
    except subprocess.TimeoutExpired:
        return Ended(None, "", f"it did not end within {seconds:.0f} s")
    return Ended(done.returncode, done.stdout, (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1])
