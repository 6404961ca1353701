"""Names of a package that are resolved when first used (PEP 562), so that importing the package loads nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """What a package has as ``__getattr__`` and as ``__all__``.

    Args:
        package: Its name.
        homes: For each module below it, the names that it has for the package, with spaces.
    """
    home = {name: f"{package}.{module}" for module, names in homes.items() for name in names.split()}

    def resolved(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home[name]), name)

    return resolved, sorted(home)
