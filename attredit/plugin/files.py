"""Plugins that are single files: which there are, and how their modules are found.

The environment variable ATTREDIT_PLUGIN_FILES names them, so that every process that this one starts has them too. A
file is a distribution of one module: its plugin has the name of the file, and its version is the file's SHA-256.
Used by `attredit.plugin.registry`, and by processes that unpickle what such a module made.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import Distribution
from pathlib import Path
from types import CodeType, ModuleType

from attredit.errors import UsageError
from attredit.plugin.hookspecs import GROUP

VARIABLE = "ATTREDIT_PLUGIN_FILES"

_VERSION = "sha256:"


class PluginFile(Distribution):
    """A file as a distribution, so that it is a plugin as any other.

    Args:
        path: Of the file, absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def digest(self) -> str:
        """What stands for its version; it changes with every byte of the file."""
        return _VERSION + hashlib.sha256(self.path.read_bytes()).hexdigest()

    def read_text(self, filename: str) -> str | None:
        """What would be in its dist-info folder."""
        return {
            "METADATA": f"Name: {self.path}\nVersion: {self.digest}\n",
            "entry_points.txt": f"[{GROUP}]\n{self.path.stem} = {self.path.stem}\n",
        }.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Where a file of it is."""
        return self.path.parent / path


def is_file_version(version: str) -> bool:
    """Whether it is the version of a plugin that is a file."""
    return version.startswith(_VERSION)


def plugin_files() -> list[PluginFile]:
    """The files that the environment names; from here on their modules can be imported.

    Raises:
        UsageError: one cannot be a plugin; see `with_file`.
    """
    found: list[PluginFile] = []
    for path in (path.resolve() for path in _paths()):
        _check(path, [file.path for file in found])
        found.append(PluginFile(path))
    if found:
        make_importable()
    return found


def with_file(file: str | os.PathLike[str]) -> str:
    """What the variable is to be, so that it names one file more.

    Raises:
        UsageError: it is no file, no Python module by its name, or its name is that of another module.
    """
    path, known = Path(file).expanduser().resolve(), _paths()
    _check(path, [other for other in known if other != path])
    return os.pathsep.join(map(str, dict.fromkeys([*known, path])))


def make_importable() -> None:
    """Let modules of plugin files be imported by name, in a process that may be given objects of theirs."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def forget(file: str | os.PathLike[str]) -> None:
    """Have the next import read the file again."""
    sys.modules.pop(Path(file).stem, None)


class _Finder(MetaPathFinder):
    """Finds the modules of plugin files, and nothing else of the folders that they are in."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for file in _paths():
            if file.stem == fullname:
                return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, str(file)))
        return None


class _Loader(SourceFileLoader):
    """Always compiles what the file holds: a cache goes by its time and size, and the run would tell another digest."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _paths() -> list[Path]:
    named = os.environ.get(VARIABLE, "")
    return [Path(path).expanduser() for path in dict.fromkeys(named.split(os.pathsep)) if path] if named else []


def _check(path: Path, others: Sequence[Path]) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a directory, not a plugin file.", "Name a .py file in it, or install it with pip.")
    if not path.is_file():
        raise UsageError(f"There is no plugin file {path}.")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UsageError(f"{path.name!r} is no name of a Python module.", "Name the plugin file like my_method.py.")
    if same := [other for other in others if other.stem == path.stem]:
        raise UsageError(
            f"Two plugin files have one name: {same[0]} and {path}.", "A file's name is its plugin's: rename one."
        )
    if (found := _elsewhere(path)) is not None:
        raise UsageError(
            f"Plugin file {path} has the name of another module, {path.stem} ({found}).",
            f"Rename the file: Python knows only one {path.stem}.",
        )


def _elsewhere(path: Path) -> str | None:
    """Where Python has another module of that name; a folder without code is none."""
    module = sys.modules.get(path.stem)
    spec = module.__spec__ if module is not None else importlib.util.find_spec(path.stem)
    origin = getattr(module, "__file__", None) or (spec.origin if spec is not None else None)
    if origin is None:
        return "built in" if module is not None else None
    return None if Path(origin).resolve() == path else origin
