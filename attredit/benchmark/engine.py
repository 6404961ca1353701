"""Where tasks run: in processes of this machine, or wherever submitit takes them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attredit.benchmark.worker import PATIENCE, Requeued, reason_of
from attredit.data.workers import cores
from attredit.errors import PluginError, UsageError
from attredit.files import explained


class Local:
    """Processes of this machine.

    They end when this one does, however it ends, because they hold its pipe.

    Args:
        jobs: How many at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self.jobs: int | None = jobs

    def threads(self, jobs: int) -> int:
        """Of each of so many tasks: a share of the cores, or of OMP_NUM_THREADS where that asks for fewer."""
        asked = os.environ.get("OMP_NUM_THREADS", "")
        return max(1, min(cores(), int(asked) if asked.isdecimal() else cores()) // jobs)

    def start(self, home: Path, threads: int | None) -> LocalJob:
        """Start the task of a directory; what it prints goes to its log.txt."""
        environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads or cores()))}
        # The same code as here, wherever it was imported from.
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-P", "-m", "attredit.benchmark.worker", str(home)]
        with explained(home / "log.txt"), (home / "log.txt").open("ab") as log:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        return LocalJob(process, home / "log.txt")


class LocalJob:
    """A task in a process of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    def done(self) -> bool:
        """Whether its process has ended."""
        if self.process.poll() is None:
            return False
        self._close()
        return True

    def reason(self) -> str:
        """How it ended, for a task that has not said so itself."""
        code = self.process.returncode
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return f"Its process ended early ({how}); {self._log} has what it printed."

    def stop(self) -> None:
        """End it; a job that has ended is left alone."""
        self._close()
        try:
            self.process.wait(PATIENCE + 5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


class Submitted:
    """Jobs of submitit: on a SLURM cluster, all of whose machines see the benchmark's directory and the cache.

    Args:
        logs: Where submitit keeps what it needs.
        jobs: How many at a time; all when None.
        options: Parameters of submitit's executor, such as ``slurm_partition`` or ``timeout_min``.
        cluster: "slurm"; or "local" for processes of this machine.

    Raises:
        PluginError: submitit is not installed.
        UsageError: there is no such cluster here, or it does not know an option.
    """

    def __init__(
        self, logs: Path, jobs: int | None = None, options: Mapping[str, Any] | None = None, cluster: str = "slurm"
    ) -> None:
        self.jobs = jobs
        try:
            import submitit
        except ImportError:
            raise PluginError("--engine slurm needs submitit.", "pip install 'attredit[slurm]'") from None
        try:
            self._executor = submitit.AutoExecutor(folder=logs, cluster=cluster)
            self._executor.update_parameters(name="attredit", **(options or {}))
        except (RuntimeError, NameError, TypeError, ValueError) as error:
            raise UsageError(f"submitit cannot use {cluster}: {error}") from None

    def threads(self, jobs: int) -> None:
        """Of each of so many tasks: whatever the cluster gives to a job."""

    def start(self, home: Path, threads: int | None) -> SubmittedJob:
        """Submit the task of a directory."""
        return SubmittedJob(self._executor.submit(Requeued(), str(home.resolve())))


class SubmittedJob:
    """A task that submitit was given."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def done(self) -> bool:
        """Whether it has ended."""
        return bool(self._job.done())

    def reason(self) -> str:
        """How it ended, for a task that has not said so itself."""
        error = self._job.exception()
        how = f"{reason_of(error)}; " if error is not None else ""
        return f"Its job ended early: {how}{self._job.paths.stderr} has what it printed."

    def stop(self) -> None:
        """End it; a job that has ended is left alone."""
        if not self._job.done():
            self._job.cancel(check=False)


Engine = Local | Submitted
"""Starts tasks; `jobs` is how many at a time, all that there are when None."""

Job = LocalJob | SubmittedJob
"""A task that was started."""
