"""SIGKILLs at random moments of a training, a preparation and a benchmark: each then goes on to the same bytes.

    python benchmarks/faults/kills.py --times 200 --seed 0

What is killed are forks of a process that has imported everything, with whatever they have started, all at once, as
when the power fails. The same command then goes on (of a training, --resume, once there is a checkpoint), is often
killed again, and in the end what it has written is compared, byte by byte, with what was written without interruption.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image
from warm import warm

from attredit.benchmark import calibration
from attredit.benchmark.engine import Local
from attredit.benchmark.worker import carry_out
from attredit.evaluation.judge_training import JudgeSettings

SECONDS = 900.0
"""So long may any of it take that is not killed."""

_SET = ["parts.encoder.options.width=4", "parts.decoder.options.width=4", "latent_dim=4"]
_FEW = {"train": 24, "valid": 8, "test": 12}
JUDGE = JudgeSettings(width=4, size=16, epochs=1, steps=8, batch_size=8)
"""Of a second; all that matters here is that it is the same one."""

SUITE = """
image_size = 32
attributes = ["Smiling"]
seeds = [0]
budget = {{ steps = {steps} }}
evaluation = {{ limit = 12 }}
set = ["parts.encoder.options.width=4", "parts.decoder.options.width=4", "latent_dim=4", "batch_size=8"]
datasets = [{{ name = "synthfaces", options = {{ train = 24, valid = 8, test = 12 }} }}]
methods = [{{ name = "naive-cvaegan" }}, {{ name = "ifcvaegan" }}]
"""


class Work(NamedTuple):
    """Something that is killed.

    Attributes:
        command: What is typed, in a folder of its own.
        again: What is typed to go on, where that is something else.
        made: Patterns of the files that have to be the same in the end.
    """

    command: Sequence[str]
    again: Callable[[Path], Sequence[str]]
    made: Sequence[str]


def works(images: Path) -> dict[str, Work]:
    """Trainings, preparations, benchmarks.

    Args:
        images: A folder of images with labels, to be prepared.
    """
    train = ["train", "--attr", "Smiling", "--image-size", "32", "--steps", "30", "--batch-size", "8",
             "--save-every", "4", "--log-every", "3", "--run-dir", "run", "--device", "cpu", *_words("--set", _SET),
             *_words("--data-option", [f"{name}={count}" for name, count in _FEW.items()])]  # fmt: skip
    prepare = ["datasets", "prepare", f"folder:{images}", "--image-size", "48", "--workers", "1"]
    benchmark = ["benchmark", "suite.toml", "-o", "out", "--device", "cpu"]
    resume = ["train", "--resume", "run", "--device", "cpu"]
    runs = ["run/*.safetensors", "run/config.json"]
    cells = ["out/cells/*/run/*.safetensors", "out/cells/*/run/evaluation.json"]
    return {
        "training": Work(train, lambda home: resume if _begun(home / "run") else train, runs),
        "preparing": Work(prepare, lambda home: prepare, ["cache/stores/*/*.npy", "cache/stores/*/*.json"]),
        "benchmarking": Work(benchmark, lambda home: benchmark, cells),
    }


def _words(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _begun(run: Path) -> bool:
    """Whether a training has a checkpoint; one without is begun again, and its directory is in the way."""
    if (run / "training.safetensors").exists():
        return True
    shutil.rmtree(run, ignore_errors=True)
    return False


def small_benchmark(out: Path) -> None:
    """Carry out a benchmark of one cell of a few steps in a fork of this process."""
    out.parent.joinpath("suite.toml").write_text(SUITE.format(steps=4))
    command = ["benchmark", "suite.toml", "-o", out.name, "--device", "cpu", "--methods", "naive-cvaegan"]
    _finish(out.parent, command)


def start(home: Path, command: Sequence[str]) -> int:
    """Start a command in a fork of this process, in a folder; returns its process id, which is its group's, too."""
    child = os.fork()
    if not child:
        _carry_out(home, command)
    return child


def _carry_out(home: Path, command: Sequence[str]) -> NoReturn:
    os.setsid()
    os.chdir(home)
    with (home / "said").open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    os.environ["ATTREDIT_CACHE"] = str(home / "cache")
    Local.start = forked  # type: ignore[method-assign]
    calibration.SECONDS = 0.05
    import_module("attredit.evaluation.judge").JudgeSettings = lambda: JUDGE  # type: ignore[attr-defined]
    _leave(lambda: _typed(command))


def _typed(command: Sequence[str]) -> object:
    from attredit.cli.group import cli

    return cli.main(list(command), "attredit", standalone_mode=False)


def _leave(work: Callable[[], object]) -> NoReturn:
    """Never returns."""
    code: object = 3
    try:
        code = work() or 0
    except SystemExit as ending:
        code = ending.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 3)


class _Fork:
    def __init__(self, child: int) -> None:
        self.child, self.code = child, None

    def done(self) -> bool:
        if self.code is None and (ended := os.waitpid(self.child, os.WNOHANG))[0]:
            self.code = os.waitstatus_to_exitcode(ended[1])
        return self.code is not None

    def reason(self) -> str:
        return f"Its process ended early ({self.code})."

    def stop(self) -> None:
        if not self.done():
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)


def forked(engine: Local, home: Path, threads: int | None) -> _Fork:
    """In the place of a process that imports everything anew."""
    if child := os.fork():
        return _Fork(child)
    _leave(partial(carry_out, str(home)))


def _finish(home: Path, command: Sequence[str]) -> float:
    """Carry out a command; returns its seconds.

    Raises:
        RuntimeError: it fails, or takes too long.
    """
    began, child = time.monotonic(), start(home, command)
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > began + SECONDS:
            _kill(child)
            raise RuntimeError(f"It hangs: {' '.join(command)}\n{(home / 'said').read_text()[-2000:]}")
        time.sleep(0.005)
    if ended[1]:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(home / 'said').read_text()[-2000:]}")
    return time.monotonic() - began


def _kill(child: int) -> bool:
    """Kill a process with its group; returns whether it was still at work."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def made(home: Path, work: Work) -> dict[str, bytes]:
    """What is to be the same, by its path."""
    return {str(file.relative_to(home)): file.read_bytes() for p in work.made for file in sorted(home.glob(p))}


def campaign(times: dict[str, int], seed: int, scratch: Path, tell: Callable[[str, int, str], None]) -> None:
    """Kill each work so many times, and compare.

    Args:
        times: How often each is killed.
        seed: Of the moments, as parts of the time that the work takes without interruption.
        scratch: A folder to work in.
        tell: Told of each work that was carried on to its end: which, after how many kills, and what is wrong, or "".
    """
    warm()
    images = _labelled(scratch / "images")
    for name, work in works(images).items():
        if times.get(name, 0):
            whole = _home(scratch / f"{name}-whole")
            seconds, expected = _finish(whole, work.command), made(whole, work)
            assert expected
            _kill_all(name, work, times[name], random.Random(f"{seed}/{name}"), (seconds, expected), scratch, tell)


def _kill_all(
    name: str,
    work: Work,
    times: int,
    dice: random.Random,
    whole: tuple[float, dict[str, bytes]],
    scratch: Path,
    tell: Callable[[str, int, str], None],
) -> None:
    seconds, expected = whole
    done = 0
    while done < times:
        home, kills, command = _home(scratch / name), 0, work.command
        # Once, or again and again: what goes on may be killed, too.
        for _ in range(dice.choice((1, 1, 2, 4))):
            child = start(home, command)
            time.sleep(dice.random() * seconds)
            if not _kill(child):
                break
            kills, command = kills + 1, work.again(home)
        if not kills:
            continue
        try:
            _finish(home, work.again(home))
            found = made(home, work)
            wrong = [path for path in sorted(found.keys() | expected.keys()) if found.get(path) != expected.get(path)]
            tell(name, kills, f"other bytes: {', '.join(wrong)}" if wrong else "")
        except RuntimeError as error:
            tell(name, kills, str(error))
        done += kills


def _home(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    (path / "suite.toml").write_text(SUITE.format(steps=12))
    return path


def _labelled(folder: Path) -> Path:
    """900 images in two classes, enough for several files of a store."""
    dice = np.random.default_rng(0)
    for i in range(900):
        file = folder / ("dark", "bright")[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(128 * (i % 2), 128 + 128 * (i % 2), (48, 48, 3), np.uint8)).save(file)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=["training", "preparing", "benchmarking"], nargs="+", help="Each of these so often."
    )
    given = parser.parse_args()
    counts: dict[str, list[int]] = {}
    wrong = 0

    def tell(name: str, kills: int, what: str) -> None:
        nonlocal wrong
        counts.setdefault(name, [0, 0, 0])
        counts[name] = [n + more for n, more in zip(counts[name], (kills, 1, bool(what)), strict=True)]
        wrong += bool(what)
        if what:
            print(f"{name} after {kills} kills: {what}", flush=True)
        if counts[name][1] % 10 == 0:
            print(name, counts[name], flush=True)

    with tempfile.TemporaryDirectory() as folder:
        part = given.times // 5
        times = {"training": given.times - 2 * part, "preparing": part, "benchmarking": part}
        times = dict.fromkeys(given.only, given.times) if given.only else times
        campaign(times, given.seed, Path(folder), tell)
    print("| what | kills | carried on to the end | not to the same bytes |\n|---|---|---|---|")
    for name, (kills, ends, bad) in counts.items():
        print(f"| {name} | {kills:,} | {ends:,} | {bad:,} |")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
