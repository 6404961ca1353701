"""A world with one plugin beside the core: the good one of this folder, or one in which something was changed."""

from __future__ import annotations

import importlib
import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from warm_python import Warm

from attredit.plugin import registry

GOOD = Path(__file__).parent / "good"
_NUMBERS = itertools.count()

Install = Callable[..., str]


@pytest.fixture(autouse=True)
def few_import_torch(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are forks that have imported torch, but those that ask whether it is, or what a hash is elsewhere."""
    fresh = {"listing", "attredit.testing.fingerprints"}

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        if fresh & set(command):
            return subprocess.run(command, **how)
        return warm.run(command[1:], environment=how["env"])

    replaced = SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr("attredit.testing.workshop.subprocess", replaced)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install the good plugin as a distribution on sys.path, with pieces of its text replaced; returns its name.

    A piece of the hooks may be None, for a kind of component that is not to be registered.
    """

    def make(hooks: dict[str, str] | None = None, parts: dict[str, str] | None = None, kinds: str = "") -> str:
        name = f"made{next(_NUMBERS)}"
        texts = {f"{name}": GOOD / "hooks.py", f"{name}_parts": GOOD / "parts.py"}
        for (module, file), changes in zip(texts.items(), (hooks or {}, parts or {}), strict=True):
            text = file.read_text()
            for old, new in changes.items():
                assert old in text, f"{old!r} is not in {file.name}"
                text = text.replace(old, new)
            text = text.replace("PARTS", f"{name}_parts").replace("NAME", name)
            (tmp_path / f"{module}.py").write_text(only(text, kinds.split()) if module == name else text)
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[attredit]\n{name} = {name}\n")
        importlib.invalidate_caches()
        monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", name)
        registry.installed.cache_clear()
        return name

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    yield make
    registry.installed.cache_clear()


def only(hooks: str, kinds: list[str]) -> str:
    """Hooks of these kinds of components; of all when there are none."""
    head, *functions = hooks.split("@hookimpl\n")
    kept = [f for f in functions if not kinds or any(f.startswith(f"def register_{kind}s(") for kind in kinds)]
    return "@hookimpl\n".join([head, *kept])
