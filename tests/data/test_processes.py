"""Whatever happens while a store is made, it is complete or absent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from number_images import SIZE, Numbers

from attredit.data import Geometry, prepare
from attredit.data.decoding import Job
from attredit.data.workers import decode_in_processes
from attredit.errors import DataError, RunError

Left = Callable[[], list[str]]
HERE = str(Path(__file__).parent)

# Without `if __name__ == "__main__"` and with a source of its own, as people write scripts.
SCRIPT = f"""
import sys
sys.path.insert(0, {HERE!r})
from number_images import Numbers, SIZE
from attredit.data import Geometry, prepare
class Own(Numbers):
    pass
workers, slow, endless = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
made = prepare(Own(slow=slow, endless=endless), "train", Geometry(SIZE), name="numbers", workers=workers,
               progress=lambda a, b: print("done", a, flush=True))
print("sum", int(made.images.astype(int).sum()), flush=True)
"""
SUM = sum(i % 256 for i in range(600)) * SIZE * SIZE * 3


def start(tmp_path: Path, workers: int = 1, slow: float = 0.0, endless: int = -1) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(workers), str(slow), str(endless)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return [line.strip() for line in process.communicate(timeout=60)[0].splitlines() if "may print" not in line]


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    while text not in (line := process.stdout.readline()):
        assert line, "it ended before"


def test_a_script_without_main_guard_may_use_workers(tmp_path: Path) -> None:
    assert said(start(tmp_path, workers=2))[-1] == f"sum {SUM}"


def test_two_processes_at_once_make_one_store(tmp_path: Path, left: Left) -> None:
    processes = [start(tmp_path, slow=0.002) for _ in range(2)]
    outputs = [said(p) for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    assert [o[-1] for o in outputs] == [f"sum {SUM}"] * 2
    # The second waited for the first: only one of them reported progress.
    assert sorted(len(o) for o in outputs) == [1, 4]
    assert len(left()) == 1


def test_killed_while_preparing_leaves_nothing_that_looks_finished(tmp_path: Path, left: Left) -> None:
    process = start(tmp_path, slow=0.01)
    wait_for(process, "done 256")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [name[0] for name in left()] == ["."]
    made = prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=1)
    assert int(made.images.astype(int).sum()) == SUM
    assert left() == [made.path.name]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_workers_end_with_the_process_that_started_them_although_they_are_busy(
    how: signal.Signals, tmp_path: Path, left: Left
) -> None:
    process = start(tmp_path, workers=2, endless=300)
    # The second range is endless, the third is done: both workers have begun.
    wait_for(process, "done 344")
    started = children(process.pid)
    assert sum("popen_loky" in command(pid) for pid in started) == 2
    if how == signal.SIGKILL:
        process.kill()
    else:
        # As a terminal does: to all of them.
        os.killpg(process.pid, how)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == -how
    deadline = time.monotonic() + 2
    while any(alive(pid) for pid in started):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
    if how == signal.SIGINT:
        assert complaint.count("Traceback") == 1
        assert complaint.endswith("KeyboardInterrupt\n")
        assert left() == []


def alive(pid: int) -> bool:
    """Whether it runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        pytest.skip("needs /proc")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def test_leftovers_of_other_stores_are_removed_unless_in_use(stores: Path, left: Left) -> None:
    from filelock import FileLock

    for name in ("dead", "busy"):
        (stores / f".{name}.part").mkdir(parents=True)
    with FileLock(stores / "busy.lock"):
        prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=1)
    assert [name for name in left() if name.startswith(".")] == [".busy.part"]


def test_interrupted_leaves_nothing(left: Left) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=1, progress=interrupt)
    assert left() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_image_is_named_wherever_it_is_read(workers: int, left: Left) -> None:
    message = r"Image 555 of split train of numbers cannot be read: the pen broke\. Replace or remove it\.$"
    with pytest.raises(DataError, match=message):
        prepare(Numbers(broken=555), "train", Geometry(SIZE), name="numbers", workers=workers)
    assert left() == []


def test_a_worker_that_dies_is_an_error(left: Left) -> None:
    with pytest.raises(RunError, match=r"ended too early \(exit code 7\).*want of memory"):
        prepare(Numbers(deadly=555), "train", Geometry(SIZE), name="numbers", workers=2)
    assert left() == []


def test_a_source_that_cannot_be_pickled_says_so() -> None:
    source = Numbers()
    source.values = (i % 2 for i in range(600))  # type: ignore[assignment]
    job = Job(source, "train", "numbers", Geometry(SIZE), Path("nowhere"), 0, 0)
    with pytest.raises(DataError, match=r"The source of numbers cannot be sent to other processes: .*generator"):
        next(decode_in_processes(job, [range(1)], 1))


def test_a_bug_in_a_worker_shows_its_traceback() -> None:
    source = Numbers()
    source.n = None  # type: ignore[assignment]
    job = Job(source, "train", "numbers", Geometry(SIZE), Path(os.devnull), 0, 0)
    with pytest.raises(RuntimeError, match=r"(?s)Traceback .*in open.*TypeError"):
        next(decode_in_processes(job, [range(1)], 1))
