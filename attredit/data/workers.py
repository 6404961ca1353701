"""Who decodes: this process, or it and others.

Not `multiprocessing`: forking is unsafe once torch has started threads, and its other start methods import the user's
script again, which, in a script without ``if __name__ == "__main__"``, waits for the lock that its parent holds. Here a
fresh interpreter gets the import path and the pickled job on stdin, and answers on stdout: one pickled object per
range, an int (rows done) or the exception. Only parent and worker hold these pipes; no file is ever unpickled. The
worker's stdin stays open for as long as its parent lives, which is how it
notices that it should end.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from queue import SimpleQueue
from typing import IO

from attredit.data.decoding import Decoder, Job
from attredit.errors import AttrEditError, DataError, RunError

_CHUNK = 256
_MOST_WORKERS = 16
# Starting workers takes a second or two: below this many seconds of work they are not worth it.
_WORTH_WORKERS = 5.0

_START = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from attredit.data.workers import serve
serve()
"""

Answer = int | BaseException


def decode_all(decoder: Decoder, n: int, workers: int | None) -> Generator[int, None, None]:
    """Decode n rows, the first range here: it finds most mistakes at once and tells how long the rest takes.

    Args:
        decoder: This process's own.
        n: Rows of the split.
        workers: See `attredit.data.prepare`.

    Yields:
        The number of rows of each finished range.

    Raises:
        DataError: an image cannot be read, or the source cannot be pickled.
        RunError: the file cannot be written, or a process died.
    """
    first, *rest = [range(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    started = time.perf_counter()
    done = decoder.decode(first)
    seconds = (time.perf_counter() - started) * len(rest)
    yield done
    if workers is None:
        workers = min(_cores(), _MOST_WORKERS) if seconds > _WORTH_WORKERS else 1
    if workers == 1 or not rest or type(decoder.job.source).__module__ == "__main__":
        yield from map(decoder.decode, rest)
    else:
        yield from decode_in_processes(decoder.job, rest, workers)


def decode_in_processes(job: Job, ranges: Sequence[range], workers: int) -> Iterator[int]:
    """Decode ranges of rows in `workers` processes; yields the number of rows of each finished range, in any order.

    Raises:
        DataError: an image cannot be read, or the source cannot be pickled.
        RunError: the file cannot be written, or a process died.
    """
    shares = [ranges[i::workers] for i in range(min(workers, len(ranges)))]
    payloads = [_payload(job, share) for share in shares]
    answers: SimpleQueue[Answer] = SimpleQueue()
    with contextlib.ExitStack() as cleanup:
        for payload, share in zip(payloads, shares, strict=True):
            process = cleanup.enter_context(_worker())
            listening = (process, payload, len(share), answers)
            threading.Thread(target=_listen, args=listening, daemon=True).start()
        for _ in ranges:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer


def serve() -> None:
    """The whole life of a worker."""
    # Ctrl-C reaches the whole process group; the parent decides, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A closed pipe means that the parent has gone or no longer listens.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as out:
        # What a source prints must not end up between the answers.
        os.dup2(2, 1)
        try:
            job, share = pickle.load(sys.stdin.buffer)
            threading.Thread(target=_end_with_parent, daemon=True).start()
            with Decoder(job) as decoder:
                for rows in share:
                    _answer(out, decoder.decode(rows))
        except BrokenPipeError:
            raise
        except Exception as error:
            _answer(out, error)


def _end_with_parent() -> None:
    """Wait for the end of stdin, which comes when the parent ends, however it does.

    Not the next answer's broken pipe alone: a range may take minutes. Not through `sys.stdin`, whose lock a waiting
    thread would hold while the interpreter shuts down.
    """
    os.read(0, 1)
    os._exit(1)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _payload(job: Job, share: Sequence[range]) -> bytes:
    """What a worker reads."""
    try:
        return pickle.dumps(sys.path) + pickle.dumps((job, share))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DataError(
            f"The source of {job.name} cannot be sent to other processes: {error}.",
            "Data sources must be picklable: mend the plugin.",
        ) from error


@contextlib.contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended on leaving."""
    # -P: the directory that the user happens to be in is no place to import from.
    command = [sys.executable, "-P", "-c", _START]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def _listen(process: subprocess.Popen[bytes], payload: bytes, expected: int, answers: SimpleQueue[Answer]) -> None:
    """Hand a worker its share, and its answers on."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(payload)
        process.stdin.flush()
        for _ in range(expected):
            answers.put(pickle.load(process.stdout))
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        died = RunError(
            f"A process that decodes images ended too early (exit code {process.wait()}).",
            "It may have been killed for want of memory; what it said itself is above.",
        )
        answers.put(died)


def _answer(out: IO[bytes], answer: Answer) -> None:
    if isinstance(answer, BaseException) and not isinstance(answer, AttrEditError):
        # An exception travels without its traceback, and some do not travel at all.
        trace = "".join(traceback.format_exception(answer))
        answer = RuntimeError(f"in a process that decodes images:\n{trace}")
    out.write(pickle.dumps(answer))
    out.flush()
