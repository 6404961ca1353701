"""What a plugin must not do while it loads: undone where that is possible, and always told. For `loading.py`.

Nobody is stopped: a plugin may be slow, chatty or careless, and still work. Its import cannot be cut short either, so
one that hangs is named on stderr while it does, with the way to leave it out; Ctrl-C ends the command.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TextIO, cast

# Above this, a plugin's import is a plugin's fault, also on a busy machine; ours take milliseconds.
SLOW_SECONDS = 1.0

# Long enough to wonder.
_NOTICE_SECONDS = 5.0


class Conduct:
    """What was seen of a plugin while it loaded; complete when that has ended.

    Attributes:
        milliseconds: How long it took.
        warnings: What it did that it should not have, each in a few words.
    """

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.warnings: list[str] = []


@contextlib.contextmanager
def isolated(what: str) -> Iterator[Conduct]:
    """Load a plugin within: its output goes to stderr, torch's seed is what it was.

    Args:
        what: The plugin, for the notice that it is still loading.
    """
    conduct, stdout = Conduct(), _Stdout()
    notice = threading.Timer(_NOTICE_SECONDS, _tell, [what])
    notice.daemon = True
    notice.start()
    started = time.perf_counter()
    try:
        with _torch_kept(conduct), _nothing_on_stdout(), contextlib.redirect_stdout(cast(TextIO, stdout)):
            yield conduct
    finally:
        notice.cancel()
        seconds = time.perf_counter() - started
        conduct.milliseconds = 1000 * seconds
        if seconds > SLOW_SECONDS:
            conduct.warnings.append(f"slow: took {seconds:.1f} s to load")
        if stdout.used:
            conduct.warnings.append("prints to stdout")


def _tell(what: str) -> None:
    print(
        f"Still loading {what}, for {_NOTICE_SECONDS:.0f} s now. The environment variable ATTREDIT_LOAD_PLUGINS, names "
        "with commas, can leave it out.",
        file=sys.stderr,
        flush=True,
    )


class _Stdout:
    """Stands for stdout: says whether it was used, and is stderr."""

    def __init__(self) -> None:
        self.used = False

    def write(self, text: str) -> int:
        self.used = True
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextlib.contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    """Also what libraries and processes write, which know nothing of `sys.stdout`, goes to stderr."""
    try:
        kept = os.dup(1)
    except OSError:  # this process has no stdout
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def _torch_kept(conduct: Conduct) -> Iterator[None]:
    """Put torch's random state, and how it is seeded, back to what they were."""
    seen = _TorchAsItWas()
    try:
        yield
    finally:
        conduct.warnings += seen.put_back()


class _TorchAsItWas(MetaPathFinder):
    """How torch was before a plugin could touch it: now, or when the plugin has imported it. Never imported for this.

    Its random state differs from process to process, so that it cannot be told afterwards whether somebody set it.
    """

    def __init__(self) -> None:
        self._torch: Any = None
        self._loaded = sys.modules.get("torch") is not None
        if self._loaded:
            self._look(sys.modules["torch"])
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The real torch, whose import then ends with a look at it."""
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_look(module: ModuleType) -> None:
                execute(module)
                self._look(module)

            vars(spec.loader)["exec_module"] = execute_and_look
        return spec

    def put_back(self) -> Iterator[str]:
        """Undo what was changed since, and say so."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        torch = self._torch
        if torch is None:
            return
        if not self._loaded:
            yield "imports torch, which makes every command slow"
        now = (torch.manual_seed, torch.random.manual_seed)
        if not all(map(self._is_still, now, self._manual_seed)):
            torch.manual_seed, torch.random.manual_seed = self._manual_seed
            yield "replaces torch.manual_seed (undone)"
        if not bool((torch.default_generator.get_state() == self._state).all()):
            torch.default_generator.set_state(self._state)
            yield "changes torch's random state (undone)"

    def _look(self, torch: Any) -> None:
        self._torch, self._state = torch, torch.default_generator.get_state()
        self._manual_seed = (torch.manual_seed, torch.random.manual_seed)

    def _is_still(self, now: Any, before: Any) -> bool:
        """Whether it is the same function, or what torch's compiler, once it is imported, wraps around it."""
        if now is before:
            return True
        code = getattr(now, "__code__", None)
        by_torch = code is not None and code.co_filename.startswith(os.path.dirname(self._torch.__file__))
        return by_torch and getattr(now, "__wrapped__", None) is before
