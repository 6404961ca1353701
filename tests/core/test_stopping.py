"""SIGTERM, a scheduler's: a training saves the step that it reached, says how to go on, and leaves with 143."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from warm_python import Warm

from attredit.errors import Terminated
from attredit.files import read_metadata
from attredit.launch import resume, train
from attredit.stopping import finishing, stoppable

if os.name == "nt":
    pytest.skip("Windows has no signals between processes", allow_module_level=True)
STEPS = 60


def signalled(process: int, ready: Callable[[], bool], number: int = signal.SIGTERM) -> None:
    """Send a process a signal once it is ready; nothing to one that has ended before."""
    deadline = time.monotonic() + 120
    with contextlib.suppress(ProcessLookupError):
        while not ready():
            os.kill(process, 0)
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process, number)


@pytest.fixture
def ended(warm: Warm) -> Any:
    """Start a command, send it SIGTERM once it is ready, and wait: its exit code, and what it said."""

    def end(command: list[str], ready: Callable[[], bool]) -> tuple[int, str]:
        done = warm.run(command[1:], meanwhile=functools.partial(signalled, ready=ready))
        return done.returncode, done.stderr

    return end


def test_a_training_saves_the_step_that_it_reached(
    tmp_path: Path, train_command: Any, tiny_request: Any, ended: Any
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    more = (f"--steps={STEPS}", "--save-every=1000", "--log-every=1")
    metrics = run / "metrics.jsonl"
    code, said = ended(train_command(run, *more), lambda: metrics.exists() and metrics.stat().st_size > 0)
    assert code == 143, said
    step = read_metadata(run / "training.safetensors")["step"]
    assert 0 < step < STEPS
    assert re.search(rf"Terminated\..* step {step}\b.* attredit train --resume {re.escape(str(run))}", said)
    assert "Traceback" not in said
    resume(run, device="cpu")
    train(tiny_request(run_dir=str(whole), steps=STEPS, save_every=1000, log_every=1))
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert [json.loads(line)["step"] for line in metrics.read_text().splitlines()] == list(range(1, STEPS + 1))


def test_processes_of_a_launch_agree_on_the_step(tmp_path: Path, train_command: Any, ended: Any) -> None:
    run = tmp_path / "run"
    metrics = run / "metrics.jsonl"
    command = train_command(run, "--frame=none", "--steps=100000", "--save-every=100000", "--log-every=1", processes=2)
    code, said = ended(command, lambda: metrics.exists() and metrics.stat().st_size > 0)
    assert code != 0
    step = read_metadata(run / "training.safetensors")["step"]
    assert re.search(rf"Terminated\..* step {step}\b", said), said


SLOW = """
import time
from attredit import AttributeSchema, hookimpl

attredit_api = 1


@hookimpl
def register_datasets(register):
    register("slow", "slow:Slow")


class Slow:
    channels, splits = 3, ("train", "valid", "test")
    schema = AttributeSchema.of_binary(["bright"])

    def __init__(self, *, image_size, data_dir=None):
        self.size = image_size

    def fingerprint(self, split):
        return f"{split} {self.size}"

    def open(self, split):
        from datasets import Dataset

        labels = Dataset.from_dict({"bright": [i % 2 for i in range(600)]})
        return labels.with_transform(lambda rows: {"image": [self.draw(value) for value in rows["bright"]]})

    def draw(self, value):
        import numpy as np

        time.sleep(0.01)
        return np.full((self.size, self.size, 3), 100 * (1 + value), np.uint8)
"""


def test_a_preparation_ends_and_what_is_decoded_is_kept(
    tmp_path: Path, train_command: Any, monkeypatch: pytest.MonkeyPatch, ended: Any
) -> None:
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "slow.py").write_text(SLOW)
    command = [*train_command(tmp_path / "run")[:4], "--dataset=slow", "--attr=bright", "--image-size=32"]
    command += [f"--plugin={tmp_path / 'slow.py'}", f"--run-dir={tmp_path / 'run'}"]
    stores = tmp_path / "cache" / "stores"
    code, said = ended(command, lambda: bool(list(stores.glob(".*.part/images-*.npy"))))
    assert code == 143, said
    assert said.strip().endswith("Terminated. Training had not started; images that are prepared are kept.")
    assert list(stores.glob(".*.part/images-*.npy"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_any_command_ends_with_a_line(tmp_path: Path, number: int, code: int) -> None:
    (tmp_path / "stuck.py").write_text(
        f"import time, pathlib\npathlib.Path({str(tmp_path / 'there')!r}).touch()\ntime.sleep(60)"
    )
    command = [sys.executable, "-m", "attredit", "methods", "--plugin", str(tmp_path / "stuck.py")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signalled(process.pid, (tmp_path / "there").exists, number)
    assert process.communicate(timeout=60)[1].strip() == "Terminated."
    assert process.returncode == code


def test_who_finishes_is_asked_and_a_second_signal_ends_at_once() -> None:
    with stoppable(), finishing() as asked:
        assert asked() == 0
        signal.raise_signal(signal.SIGTERM)
        assert asked() == signal.SIGTERM
        with pytest.raises(Terminated) as ending:
            signal.raise_signal(signal.SIGTERM)
        assert ending.value.code == 143
    with stoppable(), pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signals_that_are_ignored_or_somebody_s_stay_so(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
