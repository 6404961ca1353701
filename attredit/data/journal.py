"""What of a store that is being made is done already: a line of JSON for each range of rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from attredit.data.decoding import Decoder, Done, writing
from attredit.data.left_out import Broken

JOURNAL = "done.jsonl"
"""Its name; a directory that has it is a store that was never finished."""


class Journal:
    """The journal of a store that is made now; a context manager that holds the file open.

    Args:
        decoder: Whose places are checked: after a power failure files may hold less than was written to them.

    Attributes:
        finished: What was done before, and is still there.

    Raises:
        RunError: the disk cannot be written.
    """

    def __init__(self, decoder: Decoder) -> None:
        path = decoder.job.shards.folder / JOURNAL
        self._job = decoder.job
        with writing(self._job.home, self._job.needed):
            places = decoder.places
            self.finished = [done for done in _read(path) if places.checksum(done.rows) == done.checksum]
            # Without a line that was torn, to which the next one would be added.
            anew = path.with_suffix(".new")
            anew.write_text("".join(map(_line, self.finished)), "utf-8")
            os.replace(anew, path)
            self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, done: Done) -> None:
        """Write down that a range is done.

        Raises:
            RunError: the disk cannot be written.
        """
        with writing(self._job.home, self._job.needed):
            self._file.write(_line(done))
            self._file.flush()


def left(images: int, finished: Sequence[range], most: int) -> list[range]:
    """The rows of `images` that are in no finished range, in ranges of at most `most`."""
    found, start = [], 0
    for rows in [*sorted(finished, key=lambda rows: rows.start), range(images, images)]:
        found += [range(i, min(i + most, rows.start)) for i in range(start, rows.start, most)]
        start = rows.stop
    return found


def _line(done: Done) -> str:
    return json.dumps(done) + "\n"


def _read(path: Path) -> Iterator[Done]:
    """What the file says is done; a line that a kill has torn is none."""
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            start, stop, checksum, broken = json.loads(line)
        except ValueError:
            continue
        yield Done(start, stop, checksum, tuple(Broken(*image) for image in broken))
