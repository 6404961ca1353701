"""The store: complete or absent, whatever happens while it is made."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attredit.attributes import AttributeSchema
from attredit.data import Geometry, indices_of_step, prepare, require_classes, store
from attredit.errors import DataError, RunError


class Numbers:
    """Images of one value each; a label that is their parity. `slow` waits a little at every image."""

    channels = 3
    splits = ("train",)

    def __init__(self, n: int = 300, slow: float = 0.0, labels: list[int] | None = None, tag: str = "") -> None:
        self.n, self.slow, self.tag = n, slow, tag
        self.schema = AttributeSchema.of_binary(["odd"])
        self.values = labels if labels is not None else [i % 2 for i in range(n)]

    def fingerprint(self, split: str) -> str:
        return f"{self.n}{self.tag}"

    def open(self, split: str) -> Any:
        from datasets import Dataset

        return Dataset.from_dict({"index": list(range(self.n)), "odd": self.values}).with_transform(self._draw)

    def _draw(self, rows: dict[str, list[int]]) -> dict[str, Any]:
        time.sleep(self.slow * len(rows["index"]))
        return {"image": [np.full((8, 8, 3), i % 256, np.uint8) for i in rows["index"]]}


def test_batches_are_views_in_channels_last(cache: Path) -> None:
    made = prepare(Numbers(), "train", Geometry(8), name="numbers", workers=1)
    batch = made.batch(np.array([5, 2]))
    assert batch.shape == (2, 3, 8, 8)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch[:, 0, 0, 0].tolist() == [5, 2]
    assert made.label_columns(["odd"])[[5, 2]].tolist() == [[1], [0]]


def test_prepared_once_and_found_again(cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    source = Numbers(tag="once")
    first = prepare(source, "train", Geometry(8), name="numbers", workers=2, progress=lambda a, b: seen.append((a, b)))
    assert seen == [(128, 300), (256, 300), (300, 300)]
    source.open = None  # type: ignore[method-assign, assignment]
    again = prepare(source, "train", Geometry(8), name="numbers", progress=lambda a, b: pytest.fail("prepared twice"))
    assert again.path == first.path
    np.testing.assert_array_equal(again.images[:, 0, 0, 0], np.arange(300) % 256)


def test_a_damaged_store_is_made_again(cache: Path) -> None:
    made = prepare(Numbers(tag="cut"), "train", Geometry(8), name="numbers", workers=1)
    data = (made.path / "images.npy").read_bytes()
    (made.path / "images.npy").write_bytes(data[: len(data) // 2])
    again = prepare(Numbers(tag="cut"), "train", Geometry(8), name="numbers", workers=1)
    assert again.images[299, 0, 0, 0] == 299 % 256


def test_labels_are_checked(cache: Path) -> None:
    with pytest.raises(DataError, match=r"Row 1 of split train of numbers has .*7.* for odd"):
        prepare(Numbers(2, labels=[0, 7]), "train", Geometry(8), name="numbers")
    with pytest.raises(DataError, match="Split train of numbers has no images"):
        prepare(Numbers(0), "train", Geometry(8), name="numbers")
    with pytest.raises(DataError, match="has no split 'test'"):
        prepare(Numbers(2), "test", Geometry(8), name="numbers")
    one_sided = prepare(Numbers(3, labels=[1, 1, 1], tag="ones"), "train", Geometry(8), name="numbers")
    with pytest.raises(DataError, match="odd has no example with value 0 among 3 images"):
        require_classes(one_sided, ["odd"])


def leftovers(cache: Path) -> list[str]:
    return [p.name for p in (cache / "stores").iterdir() if not p.name.endswith(".lock") and "numbers" in p.name]


def test_full_disk_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = leftovers(cache)

    def full(job: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "_begin", full)
    with pytest.raises(RunError, match=r"No space left on device.*ATTREDIT_CACHE"):
        prepare(Numbers(tag="full"), "train", Geometry(8), name="numbers", workers=1)
    monkeypatch.undo()
    monkeypatch.setattr(store.os, "posix_fallocate", lambda *a: full(None))
    with pytest.raises(RunError, match="No space left on device"):
        prepare(Numbers(tag="full"), "train", Geometry(8), name="numbers", workers=1)
    monkeypatch.undo()
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(RunError, match="0 MB are free"):
        prepare(Numbers(tag="full"), "train", Geometry(8), name="numbers", workers=1)
    assert leftovers(cache) == before


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match="Cannot write prepared images below"):
        prepare(Numbers(), "train", Geometry(8), name="numbers")


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_store import Numbers
from attredit.data import Geometry, prepare
made = prepare(Numbers(300, slow=0.004, tag=sys.argv[2]), "train", Geometry(8), name="numbers", workers=1,
               progress=lambda a, b: print(a, flush=True))
print("sum", int(made.images.astype(int).sum()), flush=True)
"""


UNGUARDED = """
import sys
sys.path.insert(0, {here!r})
from test_store import Numbers
from attredit.data import Geometry, prepare
prepare(Numbers(300, tag="unguarded"), "train", Geometry(8), name="numbers", workers=2)
"""


def test_a_script_without_a_guard_is_told_so(cache: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(here=str(Path(__file__).parent)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "RunError: The processes that decode numbers ended early. In a script, put what it does under" in done.stderr


def start(tag: str) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen([sys.executable, "-c", SCRIPT, here, tag], stdout=subprocess.PIPE, text=True)


def test_killed_while_preparing_leaves_nothing_that_looks_finished(cache: Path) -> None:
    process = start("killed")
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "128"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not [name for name in leftovers(cache) if not name.startswith(".") and _fingerprint_of("killed") in name]
    made = prepare(Numbers(300, tag="killed"), "train", Geometry(8), name="numbers", workers=1)
    assert made.images[299, 0, 0, 0] == 299 % 256
    assert not [name for name in leftovers(cache) if name.startswith(f".{made.path.name}")]


def _fingerprint_of(tag: str) -> str:
    return store._fingerprint(Numbers(300, tag=tag), "train", Geometry(8))


def test_two_processes_at_once_make_one_store(cache: Path) -> None:
    processes = [start("both") for _ in range(2)]
    outputs = [p.communicate(timeout=60)[0].split() for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    expected = str(int((np.arange(300) % 256).sum() * 8 * 8 * 3))
    assert all(o[-1] == expected for o in outputs)
    # The second waited for the first: only one of them reported progress.
    assert sorted(len(o) for o in outputs) == [2, 5]


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_every_epoch_sees_every_image_once(n: int, batch: int, seed: int) -> None:
    steps = -(-3 * n // batch)
    order = np.concatenate([indices_of_step(n, batch, seed, s) for s in range(steps)])[: 3 * n]
    for epoch in order.reshape(3, n):
        assert sorted(epoch) == list(range(n))
    np.testing.assert_array_equal(indices_of_step(n, batch, seed, 2), indices_of_step(n, batch, seed, 2))
