"""A Python that has imported what commands import, and forks for each that it is given: its seconds are paid once.

A command has a process of its own as ever: its memory, its folder, its arguments, its output; cells of a benchmark and
processes of torch's launcher are forks, too. Tests of what an import does, or of how a process begins, start one that
has nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

SECONDS = 900
_FAULTS = Path(__file__).parents[1] / "benchmarks" / "faults"
_OUTPUTS = {1: "stdout", 2: "stderr"}
# What Python and the registry look at once.
_READ_AT_FIRST = ("PYTHONPATH", "ATTREDIT_LOAD_PLUGINS", "ATTREDIT_STRICT_PLUGINS")


class Warm:
    """Started with its first command.

    Args:
        python: The interpreter, which may be another environment's.
    """

    def __init__(self, python: Path | str = sys.executable) -> None:
        self.python, self._process = str(python), None

    def run(
        self,
        words: Sequence[Any],
        cwd: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[int], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Do what follows `python` on a command line, and wait for its end.

        Args:
            words: What follows.
            cwd: Its folder; this process's where none is given.
            environment: Its variables; this process's where none are given.
            meanwhile: Called with its process id once it has begun, to send it signals.
        """
        words, environment = [str(word) for word in words], dict(environment or os.environ)
        if not hasattr(os, "fork"):
            command = [self.python, *words]
            how: dict[str, Any] = {"cwd": cwd, "env": environment, "capture_output": True, "text": True}
            return subprocess.run(command, timeout=SECONDS, **how)
        with tempfile.TemporaryDirectory() as outputs:
            folder = str(cwd or Path.cwd())
            task = {"words": words, "folder": folder, "environment": environment, "outputs": outputs}
            code = self._told(task, meanwhile)
            said = [Path(outputs, name).read_text("utf-8") for name in _OUTPUTS.values()]
        return subprocess.CompletedProcess([self.python, *words], code, *said)

    def close(self) -> None:
        """End it."""
        if self._process:
            self._process.communicate()

    def _told(self, task: dict[str, Any], meanwhile: Callable[[int], None] | None) -> int:
        if not self._process:
            # A choice of plugins is that of the test which happens to be the first.
            environment = {key: value for key, value in os.environ.items() if key != "ATTREDIT_LOAD_PLUGINS"}
            how: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
            self._process = subprocess.Popen([self.python, "-P", __file__], bufsize=0, env=environment, **how)
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        child = self._number(task)
        try:
            if meanwhile:
                meanwhile(child)
        except BaseException:
            os.kill(child, signal.SIGTERM)
            raise
        finally:
            code = self._number(task)
        return code

    def _number(self, task: dict[str, Any]) -> int:
        if not select.select([self._process.stdout], [], [], SECONDS)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise TimeoutError(f"{task['words']} takes more than {SECONDS} s")
        return int(self._process.stdout.readline())


def _serve() -> None:
    """Fork for each task of stdin; tell its process id, and how it ended. A fork becomes what it is asked for."""
    for line in sys.stdin:
        if not (child := os.fork()):
            return _become(**json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def _become(words: list[str], folder: str, environment: dict[str, str], outputs: str) -> None:
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in _OUTPUTS.items():
        os.dup2(os.open(Path(outputs, name), os.O_WRONLY | os.O_CREAT), number)
    _do(words, environment)


def _do(words: Sequence[str], environment: Mapping[str, str]) -> None:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    if any(before.get(name) != environment.get(name) for name in _READ_AT_FIRST):
        sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.modules["attredit.plugin.registry"].installed.cache_clear()
    if words[0] == "-u":
        words = words[1:]
    if words[0] == "-W":
        warnings.simplefilter(words[1])  # type: ignore[arg-type]
        words = words[2:]
    if words[0] == "-m":
        sys.argv = list(words[1:])
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")


class _Forked(subprocess.Popen[str]):
    """One of the launcher's processes: what it would start anew, in a fork of it."""

    def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
        environment = rest[5]
        self.pid = os.fork()
        if not self.pid:
            _finish(args[1:], environment)
        self._child_created = True


def _finish(words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):  # whose handlers are the launcher's
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code: Any = 1
    try:
        _do(words, environment)
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _warm() -> None:
    sys.path.append(str(_FAULTS))
    import kills
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler
    from warm import warm

    warm()
    subprocess_handler.Popen = _Forked
    sys.path.remove(str(_FAULTS))
    kills.Local.start = kills.forked
    kills.calibration.SECONDS = 0.05


if __name__ == "__main__":
    _warm()
    _serve()
