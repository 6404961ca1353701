"""results.jsonl: whole lines, whoever writes and whatever is killed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from made import cell_of, result_of

from attredit.benchmark import machine
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.estimate import Durations
from attredit.benchmark.results import Facts
from attredit.errors import RunError


@pytest.fixture
def directory(tmp_path: Path) -> BenchmarkDirectory:
    return BenchmarkDirectory(tmp_path)


def test_what_is_written_is_read(directory: BenchmarkDirectory) -> None:
    assert list(directory.record().results) == []
    lines = [result_of(cell_of(seed=seed)) for seed in (0, 1)]
    for line in lines:
        directory.append(line)
    assert list(directory.record().results) == lines
    assert directory.record().notes == ()


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_left_out_with_a_note_and_then_removed(directory: BenchmarkDirectory, kept: int) -> None:
    first, second, third = (result_of(cell_of(seed=seed)) for seed in range(3))
    directory.append(first)
    whole = directory.results_file.read_bytes()
    directory.append(second)
    torn = directory.results_file.read_bytes()[len(whole) :][:kept]
    directory.results_file.write_bytes(whole + torn)
    record = directory.record()
    assert list(record.results) == [first]
    assert "last line was cut short" in record.notes[0]
    directory.append(third)
    assert list(directory.record().results) == [first, third]
    assert directory.record().notes == ()


def test_a_damaged_line_is_an_error_that_says_where(directory: BenchmarkDirectory) -> None:
    directory.append(result_of(cell_of()))
    line = directory.results_file.read_bytes()
    directory.results_file.write_bytes(line + b'{"format": 1}\n' + line)
    with pytest.raises(RunError, match=r"Line 2 of .*results.jsonl is damaged or of another version: cell: Field requ"):
        directory.record()


def test_a_finished_cell_stays_finished_and_a_failed_one_can_be_mended(directory: BenchmarkDirectory) -> None:
    good, bad = result_of(cell_of("a")), result_of(cell_of("a"), error="disk full")
    other = [result_of(cell_of("b"), error="diverged"), result_of(cell_of("b"))]
    lost = result_of(cell_of("c"), error="killed")
    for line in (good, bad, *other, lost):
        directory.append(line)
    record = directory.record()
    assert record.finished() == {"a-0": good, "b-0": other[1]}
    assert record.words() == {**record.finished(), "c-0": lost}


# They import no torch, which would take seconds.
_APPEND = """
import sys
from pathlib import Path
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.results import Result
for line in sys.stdin:
    BenchmarkDirectory(Path(sys.argv[1])).append(Result.model_validate_json(line))
assert "torch" not in sys.modules
"""


def test_several_processes_may_add_lines_at_once(directory: BenchmarkDirectory) -> None:
    command = [sys.executable, "-c", _APPEND, str(directory.path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in "ab"]
    for name, process in zip("ab", processes, strict=True):
        assert process.stdin is not None
        process.stdin.write("".join(f"{result_of(cell_of(name, seed)).model_dump_json()}\n" for seed in range(20)))
        process.stdin.close()
    assert [process.wait(120) for process in processes] == [0, 0]
    found = [(result.cell.label, result.cell.seed) for result in directory.record().results]
    assert sorted(found) == [(name, seed) for name in "ab" for seed in range(20)]


def test_time_left_comes_from_like_cells_and_is_a_guess_without() -> None:
    done = [result_of(cell_of("a", 0), cell_seconds=10.0), result_of(cell_of("a", 1), cell_seconds=20.0)]
    durations = Durations([*done, result_of(cell_of("b"), error="diverged")])
    assert durations.of([cell_of("a", 2), cell_of("a", 3)]) == (30.0, False)
    assert durations.knows(cell_of("a", 2))
    assert not durations.knows(cell_of("b"))
    assert durations.of([cell_of("b", 1)]) == (15.0, True)  # as others, for want of better
    durations.guess({"b-1": 4.0}, [cell_of("b", 1)])
    assert durations.of([cell_of("a", 2), cell_of("b", 2)]) == (19.0, True)
    assert Durations([]).of([cell_of()]) == (0.0, True)


def test_where_python_does_not_say_how_much_memory_a_process_took(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.peak_memory() > 10**7
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    there = importlib.reload(machine)
    assert there.peak_memory() is None
    assert there.machine("cpu")["device"] == "cpu"
    facts = result_of(cell_of()).facts
    assert facts is not None
    assert Facts.model_validate({**facts.model_dump(), "memory_bytes": None}).memory_bytes is None
