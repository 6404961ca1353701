"""Processes that help to decode.

Not `multiprocessing`: forking is unsafe once torch has started threads, and its other start methods import the user's
script again, which breaks every script without an ``if __name__ == "__main__"``. Here a fresh interpreter gets the
import path and the pickled job on stdin, and answers on stdout: one pickled object per range, an int (rows done) or the
exception. If the parent dies, the next answer meets a closed pipe, and the worker ends.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import IO

from attredit.data.decoding import Decoder, Job
from attredit.errors import AttrEditError, DataError, RunError

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from attredit.data.workers import serve; serve()"
)  # fmt: skip

Answer = int | BaseException


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
            listener = threading.Thread(target=_listen, args=(process, payload, len(share), answers), daemon=True)
            listener.start()
        for _ in ranges:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer


def serve() -> None:
    """The whole life of a worker."""
    # Ctrl-C reaches the whole process group; the parent decides, and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as out:
        # What a source prints must not end up between the answers.
        os.dup2(2, 1)
        with contextlib.suppress(BrokenPipeError):
            try:
                job, share = pickle.load(sys.stdin.buffer)
                with Decoder(job) as decoder:
                    for rows in share:
                        _answer(out, decoder.decode(rows))
            except BrokenPipeError:
                raise
            except Exception as error:
                _answer(out, error)
            out.flush()


def _payload(job: Job, share: Sequence[range]) -> bytes:
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
        process.stdin.close()
        for _ in range(expected):
            answers.put(pickle.load(process.stdout))
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        answers.put(
            RunError(
                f"A process that decodes images ended too early (exit code {process.wait()}).",
                "It may have been killed for want of memory; its own messages are above.",
            )
        )


def _answer(out: IO[bytes], answer: Answer) -> None:
    if isinstance(answer, BaseException) and not isinstance(answer, AttrEditError):
        # An exception travels without its traceback, and some do not travel at all.
        trace = "".join(traceback.format_exception(answer))
        answer = RuntimeError(f"in a process that decodes images:\n{trace}")
    out.write(pickle.dumps(answer))
    out.flush()
