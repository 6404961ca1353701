"""Damaged files through the commands that read them.

    python benchmarks/faults/fuzz.py --files 10000 --seed 0

Images of every format, tables, configurations, checkpoints, prepared stores, results and suites are damaged at random,
the same for the same seed, and each is read by a command, in forks of a process that has imported everything. A command
may refuse with its sentence. What it must not do: end by "This is a bug" or a traceback, crash, take longer than
`SECONDS`, or more memory than `MEMORY`, or execute anything of the file. Files that make one do so are kept in --keep.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mutations import CANARY, mutated
from seeds import Kind, seeds
from warm import warm

SECONDS = 60.0
MEMORY = 1 << 30
"""Bytes that commands may take beyond what the process had when it began."""

BATCH = 100
"""So many files are read in one fork."""

GOOD = ("read", "refused")
BAD = ("bug", "crash", "hang", "memory", "executed")
_FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        number: Of the file.
        kind: What was damaged.
        file: Its name.
        how: One of `GOOD` or `BAD`.
        command: What was typed.
        said: What it printed.
    """

    number: int
    kind: str
    file: str
    how: str
    command: str
    said: str


def campaign(
    kinds: Sequence[Kind], numbers: Sequence[int], seed: int, scratch: Path, keep: Path | None = None, jobs: int = 1
) -> Iterator[Outcome]:
    """Damage files and have them read.

    Args:
        kinds: Whole files.
        numbers: Of the damaged files.
        seed: Of what is done to them.
        scratch: A folder to work in.
        keep: A folder for those that were no good.
        jobs: How many at a time.
    """
    warm()
    others = [kind.place.joinpath(name).read_bytes() for kind in kinds for name in kind.files]
    global _carried_out
    _carried_out = partial(_batch, seed=seed, kinds=kinds, others=others, scratch=scratch, keep=keep)
    batches = [numbers[i : i + BATCH] for i in range(0, len(numbers), BATCH)]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for outcomes in pool.imap_unordered(_one, batches):
            yield from outcomes


def _one(batch: Sequence[int]) -> list[Outcome]:
    return _carried_out(batch)


_carried_out: Callable[[Sequence[int]], list[Outcome]]
# Set before the processes of a pool are forked, which have it then.


def _batch(
    batch: Sequence[int], *, seed: int, kinds: Sequence[Kind], others: list[bytes], scratch: Path, keep: Path | None
) -> list[Outcome]:
    """In a fork, and in another one where a file has ended the first."""
    outcomes: list[Outcome] = []
    work = scratch / f"work-{os.getpid()}"
    while left := batch[len(outcomes) :]:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        read = partial(_read, seed=seed, kinds=kinds, others=others, work=work, keep=keep)
        outcomes += _in_fork(left, read)
    return outcomes


def _in_fork(batch: Sequence[int], read: Callable[[int], Outcome]) -> Iterator[Outcome]:
    """Outcomes of files, the last of them being that which ended the process, if one did."""
    mine, its = os.pipe()
    child = os.fork()
    if not child:
        _tell(batch, read, its)
    os.close(its)
    buffer = b""
    for number in batch:
        while buffer.count(b"\n") < 2 and select.select([mine], [], [], SECONDS)[0]:
            piece = os.read(mine, 1 << 16)
            if not piece:
                break
            buffer += piece
        lines = buffer.split(b"\n", 2)
        if len(lines) == 3:
            buffer = lines[2]
            yield Outcome(*json.loads(lines[1]))
            continue
        os.kill(child, signal.SIGKILL)
        hung = os.WIFSIGNALED(status := os.waitpid(child, 0)[1]) and os.WTERMSIG(status) == signal.SIGKILL
        yield Outcome(number, *json.loads(lines[0] or b'["?", "?"]'), "hang" if hung else "crash", "", "")
        break
    else:
        os.waitpid(child, 0)
    os.close(mine)


def _tell(batch: Sequence[int], read: Callable[[int], Outcome], to: int) -> None:
    """Read files, writing two lines of each: which it is, and how it ended. Never returns."""
    global _announce
    _announce = lambda kind, file: os.write(to, json.dumps([kind, file]).encode() + b"\n")  # noqa: E731
    try:
        had = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (had + MEMORY, had + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(_heard)
        for number in batch:
            os.write(to, json.dumps(read(number)).encode() + b"\n")
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


_announce: Callable[[str, str], object] = print


def _read(
    number: int, *, seed: int, kinds: Sequence[Kind], others: list[bytes], work: Path, keep: Path | None
) -> Outcome:
    """Damage a file in a copy of its kind's folder, which is as it was thereafter."""
    dice = random.Random(f"{seed}/{number}")
    kind = dice.choices(kinds, [kind.weight for kind in kinds])[0]
    name, home = dice.choice(kind.files), work / kind.name
    _announce(kind.name, name)
    if not home.exists():
        shutil.copytree(kind.place, home)
    damaged = mutated((kind.place / name).read_bytes(), dice, others)
    (home / name).write_bytes(damaged)
    command = [word.format(file=name, folder=Path(name).parent) for word in dice.choice(kind.commands)]
    code, said = _typed(home, command, work / "said")
    how = _how(code, said, (home / CANARY).exists())
    if how in BAD and keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{seed}-{number}-{Path(name).name}").write_bytes(damaged)
    _restore(kind, home)
    return Outcome(number, kind.name, name, how, " ".join(command), said[-20_000:])


def _restore(kind: Kind, home: Path) -> None:
    """Whatever is not as it was."""
    for path in sorted(home.rglob("*"), reverse=True):
        original = kind.place / path.relative_to(home)
        if not original.exists():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        elif path.is_file() and path.stat().st_mtime_ns != original.stat().st_mtime_ns:
            shutil.copy2(original, path)
    for path in kind.place.rglob("*"):
        if not (there := home / path.relative_to(kind.place)).exists():
            there.mkdir() if path.is_dir() else shutil.copy2(path, there)


def _typed(home: Path, command: Sequence[str], log: Path) -> tuple[int, str]:
    from attredit.cli.group import cli

    os.chdir(home)
    os.environ["ATTREDIT_CACHE"] = str(home / "cache")
    with log.open("w+b") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        try:
            cli.main(list(command), "attredit", standalone_mode=True)
            code = 0
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(bool(ending.code))
        except BaseException:
            traceback.print_exc()
            code = 3
        sys.stderr.flush()
        return code, log.read_text("utf-8", "replace")


def _how(code: int, said: str, executed: bool) -> str:
    if executed or "FORBIDDEN" in said:
        return "executed"
    if "MemoryError" in said or "Unable to allocate" in said or "can't allocate" in said:
        return "memory"
    if "This is a bug" in said or "Traceback" in said or code not in (0, 1, 2):
        return "bug"
    return "refused" if code else "read"


def _heard(event: str, given: tuple[object, ...]) -> None:
    if event in _FORBIDDEN:
        os.write(2, f"\nFORBIDDEN {event} {given}\n".encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", default=[], help="Only files of this kind; repeatable.")
    parser.add_argument("--run", type=Path, help="Of which files are damaged, in the place of one that is trained.")
    parser.add_argument("--scratch", type=Path, help="Folder to work in, whose whole files are used again.")
    parser.add_argument("--keep", type=Path, help="Folder for files that were no good.")
    given = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        keep = given.keep and given.keep.resolve()
        scratch = given.scratch.resolve() if given.scratch else Path(folder)
        kinds = seeds(scratch / "seeds", given.kind, given.run)
        for found in campaign(kinds, range(given.files), given.seed, scratch, keep, given.jobs):
            counts[found.kind, found.how] += 1
            if found.how in BAD:
                last = next((line for line in reversed(found.said.splitlines()) if line.strip()), "")
                print(f"{found.number}: {found.how}: {found.command} ({found.kind}): {last[:500]}", flush=True)
            if sum(counts.values()) % 200 == 0:
                print(sum(counts.values()), flush=True)
    print_table(counts)
    sys.exit(any(how in BAD for _, how in counts))


def print_table(counts: Counter[tuple[str, str]]) -> None:
    """Kinds of files by how their commands ended."""
    hows = (*GOOD, *BAD)
    print(f"| damaged | files | {' | '.join(hows)} |\n|---|{'---|' * (1 + len(hows))}")
    for kind in [*sorted({kind for kind, _ in counts}), ""]:
        own = [sum(n for (of, found), n in counts.items() if found == how and kind in ("", of)) for how in hows]
        print(f"| {kind or 'all'} | {sum(own):,} | {' | '.join(f'{n:,}' for n in own)} |")


if __name__ == "__main__":
    main()
