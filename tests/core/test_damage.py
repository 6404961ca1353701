"""Run directories that were changed, cut short or cannot be written: one sentence, never a traceback."""

from __future__ import annotations

import copy
import json
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attredit import load
from attredit.errors import AttrEditError, RunError
from attredit.files import read_tensors
from attredit.launch import resume, train
from attredit.runs.directory import RunDirectory


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> Path:
    from attredit.request import Request

    where = str(tmp_path_factory.mktemp("damage") / "run")
    small = {"image_size": 32, "steps": 2, "batch_size": 8, "data_options": tiny[0], "overrides": tiny[1]}
    return train(Request(attributes=("Smiling",), run_dir=where, device="cpu", **small))


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "run")


@pytest.mark.parametrize("where", [0.0, 0.3, 0.9999])
@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors"])
def test_one_changed_byte_is_noticed(run: Path, name: str, where: float) -> None:
    data = bytearray((run / name).read_bytes())
    data[int(where * len(data))] ^= 1
    (run / name).write_bytes(data)
    with pytest.raises(RunError, match=rf"{name} is damaged \({len(data)} bytes\)"):
        load(run) if name.startswith("model") else resume(run, steps=3, device="cpu")


def test_another_step_in_the_metadata_is_noticed(run: Path) -> None:
    data = (run / "training.safetensors").read_bytes()
    assert data.count(rb"\"step\": 2") == 1
    (run / "training.safetensors").write_bytes(data.replace(rb"\"step\": 2", rb"\"step\": 1"))
    with pytest.raises(RunError, match="its content is not what was written"):
        resume(run, steps=3, device="cpu")


def test_weights_of_another_model_are_refused(run: Path) -> None:
    shutil.copy(run / "model.safetensors", run / "training.safetensors")
    with pytest.raises(RunError, match=r"training.safetensors does not fit its config.json"):
        resume(run, steps=3, device="cpu")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\n",
        b"[]\n",
        b"null\n",
        b'{"a": 1}\n',
        b'{"step": "x"}\n',
        b'{"step": 1, "a/b": "x"}\n',
        b"{\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_damaged_metrics(run: Path, data: bytes) -> None:
    (run / "metrics.jsonl").write_bytes(data)
    for call in (RunDirectory(run).metrics, lambda: resume(run, steps=3, device="cpu")):
        with pytest.raises(RunError, match=r"metrics.jsonl is damaged: .* delete it"):
            call()


def test_damaged_metrics_that_are_deleted_as_the_message_says(run: Path) -> None:
    (run / "metrics.jsonl").write_bytes(b"{\n")
    with pytest.raises(RunError, match="delete it"):
        resume(run, steps=3, device="cpu")
    (run / "metrics.jsonl").unlink()
    resume(run, steps=3, device="cpu")


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of nested dictionaries and lists is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*here, key)
        yield from paths(inner, (*here, key))


def form(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same for places in entries that are read alike: players, their terms, attributes and origins."""
    above = (None, *path)
    return tuple("*" if above[i] in ("players", "terms", "attributes", "origins") else k for i, k in enumerate(path))


def outcome(run: Path) -> bool:
    """Whether a run is refused with one of our errors; any other error is raised."""
    try:
        load(run)
    except AttrEditError as error:
        return "\n" not in str(error)
    return False


def test_whatever_is_wrong_in_a_configuration_is_an_error_of_ours(run: Path) -> None:
    whole = json.loads((run / "config.json").read_text())
    refused = 0
    places = list({form(path): path for path in paths(whole) if path[0] != "versions"}.values())
    for path in places:
        for value in ("missing", None, -1, "x", [], {}):
            changed = copy.deepcopy(whole)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if value == "missing":
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
            (run / "config.json").write_text(json.dumps(changed))
            refused += outcome(run)
    assert refused > 2 * len(places)


def test_a_configuration_says_which_key_is_wrong(run: Path) -> None:
    text = (run / "config.json").read_text()
    (run / "config.json").write_text(text.replace('"batch_size": 8', '"batch_size": 0'))
    with pytest.raises(RunError, match=r"config\.json is damaged or of another version: request\.batch_size:"):
        load(run)


def test_a_file_that_the_system_refuses_to_write(request_for: Any, tmp_path: Path) -> None:
    """A real refusal within the writer's own code, unlike an exception that is put in its place."""
    whole = train(request_for(run_dir=str(tmp_path / "whole"), save_every=2, steps=2))
    size = (whole / "training.safetensors").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, before[1]))
    try:
        with pytest.raises(RunError, match=r"Cannot write .*training\.safetensors: .*too large.*make room"):
            train(request_for(run_dir=str(tmp_path / "refused")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [p for p in (tmp_path / "refused").iterdir() if re.search("safetensors", p.name)]


def test_a_directory_that_becomes_unwritable(run: Path) -> None:
    """Permissions do not stop an administrator, a file in the way of the directory does."""
    before = read_tensors(run / "training.safetensors")[1]
    shutil.rmtree(run / "samples")
    (run / "samples").write_text("in the way")
    with pytest.raises(RunError, match=r"Cannot write .*samples"):
        resume(run, steps=3, device="cpu")
    assert before == {"step": 2}
    assert read_tensors(run / "training.safetensors")[1] == {"step": 3}
