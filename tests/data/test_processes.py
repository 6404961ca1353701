"""Whatever happens while a store is made, it is complete or absent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from number_images import SIZE, Numbers

from attredit.data import Geometry, Store, making, prepare
from attredit.data.decoding import Decoding
from attredit.data.stores import stored_splits, verify
from attredit.data.workers import decode_in_processes
from attredit.errors import DataError, DataWarning, RunError

Left = Callable[[], list[str]]
HERE = str(Path(__file__).parent)

# Without `if __name__ == "__main__"` and with a source of its own, as people write scripts.
SCRIPT = f"""
import sys
sys.path.insert(0, {HERE!r})
import numpy as np
from number_images import Numbers, SIZE
from attredit.data import Geometry, prepare
class Own(Numbers):
    pass
workers, slow, endless = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
made = prepare(Own(slow=slow, endless=endless), "train", Geometry(SIZE), name="numbers", workers=workers,
               progress=lambda a, b: print("done", a, flush=True))
print("sum", int(np.asarray(made.images).astype(int).sum()), flush=True)
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
    assert stored_splits()[0].whole
    assert verify(stored_splits()[0]) == []
    assert len(left()) == 1


def test_whoever_waits_goes_on_where_the_other_was_killed(tmp_path: Path) -> None:
    first = start(tmp_path, slow=0.003)
    wait_for(first, "done 256")
    second = start(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert said(second) == ["done 256", "done 512", "done 600", f"sum {SUM}"]


def killed(tmp_path: Path) -> None:
    """Leave a store of which the first 256 rows are done, and something of the next ones."""
    process = start(tmp_path, slow=0.003)
    wait_for(process, "done 256")
    process.send_signal(signal.SIGKILL)
    process.communicate()


def resumed(workers: int = 1) -> tuple[Store, list[int], list[int]]:
    """The store that is made from what is left, the rows that this process drew, and the progress that it told."""
    source, told = Numbers(), list[int]()
    store = prepare(
        source, "train", Geometry(SIZE), name="numbers", workers=workers, progress=lambda done, n: told.append(done)
    )
    assert int(np.asarray(store.images).astype(int).sum()) == SUM
    return store, source.drawn, told


def bytes_of(store: Store) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in store.path.iterdir()}


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_while_preparing_is_continued_and_ends_as_if_nothing_had_happened(
    workers: int, tmp_path: Path, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(tmp_path)
    assert [name[0] for name in left()] == ["."]
    (found,) = stored_splits()
    assert (found.unfinished, found.whole, found.images) == (True, False, None)
    store, drawn, told = resumed(workers)
    assert told == [256, 512, 600]
    assert drawn == list(range(256, 600)) or workers > 1
    assert left() == [store.path.name]
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "another"))
    assert bytes_of(store) == bytes_of(prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=1))


def test_what_had_not_been_renamed_is_decoded_again(tmp_path: Path, stores: Path) -> None:
    killed(tmp_path)
    (first,) = stores.glob(".*.part/images-*.npy")
    assert first.name == "images-000000000.npy"
    (first.parent / "images-000000256.npy.part").write_bytes(first.read_bytes())
    first.rename(f"{first}.part")
    store, drawn, _ = resumed()
    assert drawn == list(range(600))
    assert {file.suffix for file in store.path.iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("lost", ["images-000000000.npy", "labels.npy"])
def test_a_file_that_is_gone_is_made_again(lost: str, tmp_path: Path, stores: Path) -> None:
    killed(tmp_path)
    (part,) = stores.glob(".*.part")
    (part / lost).unlink()
    store = resumed()[0]
    assert store.labels[:, 0].tolist() == [i % 2 for i in range(600)]


def test_broken_images_are_remembered_by_what_goes_on(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(Numbers(broken={3}), "train", Geometry(SIZE), name="numbers", workers=1, progress=stop)
    with pytest.warns(DataWarning, match=r"2 of 600 images .*: row 3 \(the pen broke\), row 555 \(the pen broke\)\."):
        store = prepare(Numbers(broken={3, 555}), "train", Geometry(SIZE), name="numbers", workers=1)
    assert [image.row for image in store.broken] == [3, 555]
    assert sorted(file.name for file in store.path.glob("*.json")) == ["broken.json", "meta.json"]


def test_killed_before_the_first_shard_is_done(tmp_path: Path, left: Left, stores: Path) -> None:
    process = start(tmp_path, slow=1.0)
    deadline = time.monotonic() + 60
    while not list(stores.glob(".*.part/images-*.part")):
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store, drawn, _ = resumed()
    assert drawn == list(range(600))
    assert left() == [store.path.name]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_workers_end_with_the_process_that_started_them_although_they_are_busy(
    how: signal.Signals, tmp_path: Path, left: Left
) -> None:
    process = start(tmp_path, workers=3, endless=300)
    # The second shard is endless, the third is done.
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
        assert [name[0] for name in left()] == ["."]


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


def test_leftovers_of_other_stores_are_removed_unless_in_use_or_to_be_continued(stores: Path, left: Left) -> None:
    from filelock import FileLock

    for name in ("busy", "recent", "old"):
        (stores / f".{name}.part").mkdir(parents=True)
    (stores / "removed.gone").mkdir()
    long_ago = time.time() - making.KEPT_SECONDS - 60
    for name in ("busy", "old"):
        os.utime(stores / f".{name}.part", (long_ago, long_ago))
    with FileLock(stores / "busy.lock"):
        prepare(Numbers(), "train", Geometry(SIZE), name="numbers", workers=1)
    assert left()[:-1] == [".busy.part", ".recent.part"]


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_images_are_left_out_wherever_they_are_read(workers: int) -> None:
    with pytest.warns(DataWarning, match=r"^2 of 600 images .*train of numbers\b.* row 2 "):
        store = prepare(Numbers(broken={555, 2}), "train", Geometry(SIZE), name="numbers", workers=workers)
    kept = np.delete(np.arange(600), [2, 555])
    np.testing.assert_array_equal(store.rows, kept)
    np.testing.assert_array_equal(store.images[:][:, 0, 0, 0], kept % 256)
    np.testing.assert_array_equal(store.labels[:, 0], kept % 2)


def test_a_worker_that_dies_is_an_error_and_the_rest_is_kept() -> None:
    with pytest.raises(RunError, match=r"ended too early \(exit code 7\).*want of memory"):
        prepare(Numbers(deadly=300), "train", Geometry(SIZE), name="numbers", workers=2)
    _, drawn, told = resumed()
    assert told[0] >= 256
    assert not set(drawn) & set(range(256))


def test_a_source_that_cannot_be_pickled_says_so() -> None:
    source = Numbers()
    source.values = (i % 2 for i in range(600))  # type: ignore[assignment]
    job = Decoding(source, "train", "numbers", Geometry(SIZE), Path("nowhere"), 1)
    with pytest.raises(DataError, match=r"source of numbers\b.*generator"):
        next(decode_in_processes(job, [range(1)], 1))


def test_a_bug_in_a_worker_shows_its_traceback() -> None:
    source = Numbers()
    source.n = None  # type: ignore[assignment]
    job = Decoding(source, "train", "numbers", Geometry(SIZE), Path("nowhere"), 1)
    with pytest.raises(RuntimeError, match=r"(?s)Traceback .*in open.*TypeError"):
        next(decode_in_processes(job, [range(1)], 1))
