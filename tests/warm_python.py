"""A Python that has imported what commands import, and forks for each that it is given: its seconds are paid once.

A command has a process of its own as ever: its memory, its folder, its arguments, its output; cells of a benchmark are
forks, too. Tests of what an import does, or of how a process begins or ends, start one that has nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS = 900
_FAULTS = Path(__file__).parents[1] / "benchmarks" / "faults"
_OUTPUTS = {1: "stdout", 2: "stderr"}


class Warm:
    """Started with its first command.

    Args:
        python: The interpreter, which may be another environment's.
    """

    def __init__(self, python: Path | str = sys.executable) -> None:
        self.python, self._process = str(python), None

    def run(self, words: Sequence[Any], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Do what follows `python` on a command line, and wait for its end."""
        words = [str(word) for word in words]
        if not hasattr(os, "fork"):
            return subprocess.run([self.python, *words], cwd=cwd, capture_output=True, text=True, timeout=SECONDS)
        with tempfile.TemporaryDirectory() as outputs:
            folder = str(cwd or Path.cwd())
            code = self._told({"words": words, "folder": folder, "environment": dict(os.environ), "outputs": outputs})
            said = [Path(outputs, name).read_text("utf-8") for name in _OUTPUTS.values()]
        return subprocess.CompletedProcess([self.python, *words], code, *said)

    def close(self) -> None:
        """End it."""
        if self._process:
            self._process.communicate()

    def _told(self, task: dict[str, Any]) -> int:
        if not self._process:
            command, pipe = [self.python, "-P", __file__], subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        print(json.dumps(task), file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], SECONDS)[0]:
            os.killpg(self._process.pid, 9)
            raise TimeoutError(f"{task['words']} takes more than {SECONDS} s")
        return int(self._process.stdout.readline())


def _serve() -> None:
    """Fork for each task of stdin, and tell how it ended; a fork becomes what it is asked for, and returns."""
    for line in sys.stdin:
        if not (child := os.fork()):
            return _become(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def _become(words: list[str], folder: str, environment: dict[str, str], outputs: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in _OUTPUTS.items():
        os.dup2(os.open(Path(outputs, name), os.O_WRONLY | os.O_CREAT), number)
    if words[0] == "-W":
        warnings.simplefilter(words[1])  # type: ignore[arg-type]
        words = words[2:]
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path.insert(0, folder)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")


def _warm() -> None:
    sys.path.append(str(_FAULTS))
    import kills
    from warm import warm

    warm()
    sys.path.remove(str(_FAULTS))
    kills.Local.start = kills.forked
    kills.calibration.SECONDS = 0.05


if __name__ == "__main__":
    _warm()
    _serve()
