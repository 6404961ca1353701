"""Settings of the whole process that a plugin may change while it is imported, looked at before and put back after.

Libraries have settings of their own only once they are imported: then they are looked at, and what attredit's own
libraries do to others while they are imported (numpy adds filters of warnings) is no fault. None is imported here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Imported by attredit itself, sooner or later.
_LIBRARIES = {
    "PIL", "accelerate", "datasets", "filelock", "jinja2", "loky", "matplotlib", "numpy", "pandas", "platformdirs",
    "pyarrow", "pydantic", "rich", "safetensors", "scipy", "tensorboard", "torch", "torchvision",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Setting:
    """Something that the whole process shares.

    Attributes:
        what: In the sentence "changes ...".
        get: What it is now.
        put: Makes it that again; None where nothing can.
        module: That has to be imported for it to exist.
        verb: Instead of "changes".
    """

    what: str
    get: Callable[[], Any]
    put: Callable[[Any], object] | None
    module: str = ""
    verb: str = "changes"


class Before(MetaPathFinder):
    """How everything was before; a context, at whose end it is so again.

    Attributes:
        undone: What had been changed, in a few words each.
    """

    def __init__(self) -> None:
        self.undone: list[str] = []
        self._was: dict[_Setting, Any] = {}
        self._finding: set[str] = set()
        self._excusing = False

    def __enter__(self) -> Before:
        for module in ("", *_MODULES):
            if not module or module in sys.modules:
                self._look(module)
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)
        for setting, was in self._was.items():
            if setting.get() != was:
                if setting.put is not None:
                    setting.put(was)
                self.undone.append(f"{setting.verb} {setting.what}{' (undone)' if setting.put else ''}")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A library's own, whose import then ends with a look at it."""
        # Of a library that imports others, its own import excuses them all.
        library = fullname.partition(".")[0] in _LIBRARIES and not self._excusing
        if fullname in self._finding or not (library or fullname in _MODULES):
            return None
        self._finding.add(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_look(module: ModuleType) -> None:
                with self._excused():
                    execute(module)
                self._look(fullname)

            with contextlib.suppress(TypeError):  # a loader of what is built in has no attributes
                vars(spec.loader)["exec_module"] = execute_and_look
        return spec

    def _look(self, module: str) -> None:
        self._was |= {s: s.get() for s in _SETTINGS if s.module == module and s not in self._was}

    @contextlib.contextmanager
    def _excused(self) -> Iterator[None]:
        """What changes within is no plugin's doing."""
        if self._excusing:
            yield
            return
        before, self._excusing = {setting: setting.get() for setting in self._was}, True
        try:
            yield
        finally:
            self._excusing = False
        for setting, value in before.items():
            if value == self._was[setting]:
                self._was[setting] = setting.get()


def _put_environment(was: Mapping[str, str]) -> None:
    for name in os.environ.keys() - was.keys():
        del os.environ[name]
    os.environ.update(was)


def _put_filters(was: Sequence[Any]) -> None:
    # Writing them one by one tells the module that they have changed.
    warnings.resetwarnings()
    warnings.simplefilter("default")
    warnings.filters[:] = was  # type: ignore[index]


def _put_logging(was: tuple[int, Sequence[logging.Handler], int]) -> None:
    level, logging.root.handlers[:], disabled = was
    logging.root.setLevel(level)
    logging.disable(disabled)


def _signals() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {int(number): signal.getsignal(number) for number in signal.valid_signals()}


def _put_signals(was: Mapping[int, Any]) -> None:
    for number, handler in was.items():
        if signal.getsignal(number) != handler and handler is not None:
            signal.signal(number, handler)


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _put_path(was: Sequence[str]) -> None:
    sys.path[:] = was


def _of(module: str) -> Any:
    return sys.modules[module]


def _found(module: str, *names: str) -> Any:
    """An attribute of a module, or of an attribute of it."""
    return functools.reduce(getattr, names, _of(module))


def _attribute(module: str, *names: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """Reads and writes an attribute."""
    *owner, name = names
    return lambda: _found(module, *names), lambda was: setattr(_found(module, *owner), name, was)


def _calls(module: str, get: str, put: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """Asks one function, and tells another; names may have dots."""
    return lambda: _found(module, *get.split("."))(), lambda was: _found(module, *put.split("."))(was)


@dataclass(frozen=True)
class _Seeding:
    """torch.manual_seed in its two places; compared without what torch's compiler, once imported, wraps around it."""

    functions: tuple[Any, Any] = field(compare=False)
    own: tuple[Any, Any]


def _seeding() -> _Seeding:
    torch = _of("torch")
    home = os.path.dirname(torch.__file__)

    def own(function: Any) -> Any:
        code = getattr(function, "__code__", None)
        by_torch = code is not None and code.co_filename.startswith(home)
        return getattr(function, "__wrapped__", function) if by_torch else function

    functions = torch.manual_seed, torch.random.manual_seed
    return _Seeding(functions, (own(functions[0]), own(functions[1])))


def _put_seeding(was: _Seeding) -> None:
    torch = _of("torch")
    torch.manual_seed, torch.random.manual_seed = was.functions


def _numpy_state() -> tuple[Any, ...]:
    """As tuples, which can be compared."""
    name, keys, *rest = _of("numpy").random.get_state()
    return name, tuple(keys.tolist()), *rest


def _put_device(was: Any) -> None:
    _of("torch").set_default_device(None if was.type == "cpu" else was)


def _put_determinism(was: tuple[bool, bool]) -> None:
    _of("torch").use_deterministic_algorithms(was[0], warn_only=was[1])


_SETTINGS = (
    _Setting("environment variables", lambda: dict(os.environ), _put_environment),
    _Setting("the working directory", os.getcwd, os.chdir),
    _Setting("sys.path", lambda: list(sys.path), _put_path),
    _Setting("filters of warnings", lambda: list(warnings.filters), _put_filters),
    _Setting("how warnings are shown", *_attribute("warnings", "showwarning")),
    _Setting(
        "the root of logging",
        lambda: (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        _put_logging,
    ),
    _Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda was: locale.setlocale(locale.LC_ALL, was)),
    _Setting("handlers of signals", _signals, _put_signals),
    _Setting("the umask", _umask, os.umask),
    _Setting("sys.excepthook", *_attribute("sys", "excepthook")),
    _Setting("the limit of recursion", sys.getrecursionlimit, sys.setrecursionlimit),
    _Setting("Python's random state", random.getstate, random.setstate),
    _Setting(
        "the start method of multiprocessing",
        lambda: _of("multiprocessing").get_start_method(allow_none=True),
        lambda was: _of("multiprocessing").set_start_method(was, force=True),
        "multiprocessing",
    ),
    _Setting("the timeout of sockets", *_calls("socket", "getdefaulttimeout", "setdefaulttimeout"), "socket"),
    _Setting("numpy's random state", _numpy_state, lambda was: _of("numpy").random.set_state(was), "numpy"),
    _Setting(
        "numpy's handling of errors", lambda: _of("numpy").geterr(), lambda was: _of("numpy").seterr(**was), "numpy"
    ),
    _Setting("PIL's limit of pixels", *_attribute("PIL.Image", "MAX_IMAGE_PIXELS"), "PIL.Image"),
    _Setting(
        "what PIL does with truncated images", *_attribute("PIL.ImageFile", "LOAD_TRUNCATED_IMAGES"), "PIL.ImageFile"
    ),
    _Setting("torch.manual_seed", _seeding, _put_seeding, "torch", "replaces"),
    _Setting(
        "torch's random state",
        lambda: _of("torch").default_generator.get_state().numpy().tobytes(),
        lambda was: _of("torch").default_generator.set_state(
            _of("torch").frombuffer(bytearray(was), dtype=_of("torch").uint8)
        ),
        "torch",
    ),
    _Setting("torch's default dtype", *_calls("torch", "get_default_dtype", "set_default_dtype"), "torch"),
    _Setting("torch's default device", lambda: _of("torch").get_default_device(), _put_device, "torch"),
    _Setting("torch's threads", *_calls("torch", "get_num_threads", "set_num_threads"), "torch"),
    _Setting("torch's threads between operations", lambda: _of("torch").get_num_interop_threads(), None, "torch"),
    _Setting(
        "torch's deterministic algorithms",
        lambda: (
            _of("torch").are_deterministic_algorithms_enabled(),
            _of("torch").is_deterministic_algorithms_warn_only_enabled(),
        ),
        _put_determinism,
        "torch",
    ),
    _Setting("whether torch computes gradients", *_calls("torch", "is_grad_enabled", "set_grad_enabled"), "torch"),
    _Setting(
        "torch's search for anomalies", *_calls("torch", "is_anomaly_enabled", "autograd.set_detect_anomaly"), "torch"
    ),
    _Setting(
        "torch's precision of matrix products",
        *_calls("torch", "get_float32_matmul_precision", "set_float32_matmul_precision"),
        "torch",
    ),
    *(
        _Setting(f"torch.backends.cudnn.{name}", *_attribute("torch", "backends", "cudnn", name), "torch")
        for name in ("enabled", "benchmark", "deterministic")
    ),
)
_MODULES = {setting.module for setting in _SETTINGS if setting.module}
