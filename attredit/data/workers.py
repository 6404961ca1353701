"""Who decodes: this process, or it and others.

The others are loky's, not `multiprocessing`'s: forking is unsafe once torch has started threads, and its other start
methods import the user's script again, which, in a script without ``if __name__ == "__main__"``, would start over. loky
also carries classes of that script.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import cache
from multiprocessing import Pipe
from typing import TYPE_CHECKING

from attredit.data.decoding import Decoding, Done, ShardDecoder
from attredit.errors import AttrEditError, DataError, RunError
from attredit.plugin.files import make_importable

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from loky import ProcessPoolExecutor

_MOST_WORKERS = 16
# Workers take a second or two to begin: below this many seconds of work they are not worth it.
WORTH_WORKERS = 2.0

# In a worker, what it is to do.
_job: Decoding

# Ctrl-C, and what a scheduler sends.
_PARENTS = (signal.SIGINT, signal.SIGTERM)

_ENVIRONMENT = {
    # The directory that the user happens to be in is no place to import from.
    "PYTHONSAFEPATH": "1",
    # loky takes pages of memory-mapped files for a leak, and would start such a worker anew.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e18",
    # There is one for each core: what a source computes in torch, such as frames, is to take no more.
    "OMP_NUM_THREADS": "1",
}


def decode_all(decoder: ShardDecoder, shards: Sequence[range], workers: int | None) -> Generator[Done, None, None]:
    """Decode shards, the first one here: it finds most mistakes at once and tells how long the rest takes.

    Args:
        decoder: This process's own.
        shards: The rows of each.
        workers: See `attredit.data.prepare`.

    Yields:
        Each finished shard, in any order.

    Raises:
        DataError: a file cannot be read, or the source cannot be pickled.
        RunError: the disk cannot be written, or a process died.
    """
    if not shards:
        return
    first, *rest = shards
    started = time.perf_counter()
    done = decoder.decode(first)
    seconds = (time.perf_counter() - started) * len(rest)
    yield done
    if workers is None:
        workers = min(cores(), _MOST_WORKERS) if seconds > WORTH_WORKERS else 1
    if workers == 1 or not rest:
        yield from map(decoder.decode, rest)
    else:
        yield from decode_in_processes(decoder.job, rest, workers - 1, decoder)


def decode_in_processes(
    job: Decoding, shards: Sequence[range], workers: int, decoder: ShardDecoder | None = None
) -> Iterator[Done]:
    """Decode shards in other processes; yields each finished one, in any order.

    Args:
        job: What to decode.
        shards: The rows of each.
        workers: How many other processes.
        decoder: This process's, to do its share; without it, this process only waits.

    Raises:
        DataError: a file cannot be read, or the source cannot be pickled.
        RunError: the disk cannot be written, or a process died.
    """
    from loky import BrokenProcessPool, ProcessPoolExecutor

    workers = min(workers, len(shards))
    # Nothing is ever sent. The only writing end is here, so that reading ends with this process, however it ends.
    gone, here = Pipe(duplex=False)
    with gone, here:
        pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(_Importable(), job, gone), env=_ENVIRONMENT)
        try:
            running = _begun(pool, job, shards)
            while running:
                # The others take a second or two to begin; the last shards are those that none of them has.
                own = next((future for future in reversed(running) if future.cancel()), None) if decoder else None
                if decoder and own:
                    yield decoder.decode(running.pop(own))
                for future in wait(running, timeout=0 if own else None, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    yield future.result()
        except BrokenProcessPool as error:
            # loky tells them in a sentence only, and not those of all systems: "EXIT(7)", "SIGKILL(-9)".
            codes = ", ".join(re.findall(r"[A-Z]+\((-?\d+)\)", str(error)))
            raise RunError(
                f"A process that decodes images ended too early{codes and f' (exit code {codes})'}.",
                "It may have been killed for want of memory; what it said itself is above.",
            ) from error
        finally:
            pool.shutdown(kill_workers=True)


class _Importable:
    """Arrives in a worker before the job, whose source may be of a plugin file, and lets it import such files."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return make_importable, ()


def _begun(pool: ProcessPoolExecutor, job: Decoding, shards: Sequence[range]) -> dict[Future[Done], range]:
    """Start the workers."""
    try:
        with _interrupted_later():
            return {pool.submit(_decode, rows): rows for rows in shards}
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DataError(
            f"The source of {job.name} cannot be sent to other processes: {error}.",
            "Data sources must be picklable: mend the plugin.",
        ) from error


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the end of the block; processes that are started in it never hear of them.

    Before they can ignore them, which takes a second, they would die of them, each with a trace.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    from loky.backend import resource_tracker as loky_tracker

    # They are started with the first worker otherwise, and let Ctrl-C through again when they have begun.
    for tracker in (resource_tracker, loky_tracker):
        tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(importable: None, job: Decoding, gone: Connection) -> None:
    """What a worker does first. Not yet the decoder: what fails here, the parent is not told."""
    global _job
    _job = job
    # What a source prints is no answer of the command's.
    os.dup2(2, 1)
    # They reach the whole process group; the parent decides, and ends its workers.
    for number in _PARENTS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(gone,), daemon=True).start()


def _end_with_parent(gone: Connection) -> None:
    """Not the next answer's broken pipe alone: a range may take minutes."""
    gone.poll(None)
    os._exit(1)


@cache
def _decoder() -> ShardDecoder:
    """A worker's own."""
    return ShardDecoder(_job)


def _decode(rows: range) -> Done:
    """Decode a shard in a worker."""
    try:
        return _decoder().decode(rows)
    except AttrEditError:
        raise
    except Exception as error:
        # Some exceptions do not travel at all.
        trace = "".join(traceback.format_exception(error))
        raise RuntimeError(f"in a process that decodes images:\n{trace}") from None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
