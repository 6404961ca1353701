"""Networks that evaluations share: trained once, kept in the cache, and never used when they are damaged.

Each is two files, ``FOLDER/HASH/NAME.safetensors`` and ``NAME.json``; the hash covers the data, the settings and the
version of the training code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from attredit.errors import RunError
from attredit.files import checksum_of, from_json, load_into, read_tensors, write_tensors, write_text

N = TypeVar("N", bound=torch.nn.Module)


def hash_of(facts: Mapping[str, Any]) -> str:
    """Hex digest of everything that decides what a network becomes."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def kept(
    folder: Path,
    name: str,
    facts: Mapping[str, Any],
    *,
    trained: Callable[[], N],
    untrained: Callable[[], N],
    device: torch.device,
) -> N:
    """A network from the cache, or trained now and put there.

    Args:
        folder: Of this kind of network, in the cache.
        name: What one is called.
        facts: What decides what it becomes, for JSON.
        trained: Trains one.
        untrained: Makes one of the same shapes.
        device: Where to put it.

    Raises:
        RunError: what is kept is damaged, or the cache cannot be written.
    """
    key = hash_of(facts)
    home = folder / key
    complete = home / f"{name}.json"
    if not complete.exists():  # else nothing is written: the cache may be somebody's who only lets it be read
        with _alone(home):
            if not complete.exists():
                _write(home, name, trained(), {**facts, "hash": key})
    network = _read(home, name, key, untrained())
    network.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]
    return network.eval()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """The right to write there: two evaluations of one data set must not train one network twice."""
    from filelock import FileLock

    lock = FileLock(f"{home}.lock")
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise RunError(
            f"Cannot write {home}: {error.strerror}.",
            "Name another place with the environment variable ATTREDIT_CACHE.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _write(home: Path, name: str, network: torch.nn.Module, facts: Mapping[str, Any]) -> None:
    """The weights first: the JSON file says that they are complete."""
    weights = home / f"{name}.safetensors"
    write_tensors(weights, network.state_dict(), {"hash": facts["hash"]})
    described = {**facts, "sha256": checksum_of(weights)}
    write_text(home / f"{name}.json", json.dumps(described, indent=2, sort_keys=True) + "\n")


def _read(home: Path, name: str, key: str, network: N) -> N:
    """A network from its two files, checked against each other: a wrong one would spoil every figure unnoticed."""
    weights = home / f"{name}.safetensors"
    wanted = _sha256(home / f"{name}.json", name, key)
    if not weights.is_file() or checksum_of(weights) != wanted:
        raise _damaged(weights, name, "it is not what was written when the network was trained")
    tensors, _ = read_tensors(weights)
    load_into(network, tensors, weights)
    return network


def _sha256(file: Path, name: str, key: str) -> str:
    """What the JSON file says of the weights."""
    try:
        facts: dict[str, Any] = from_json(file.read_text("utf-8"))
        digest = facts["sha256"]
        if facts["hash"] != key or not isinstance(digest, str):
            raise _damaged(file, name, f"it describes another {name}")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file, name, str(error)) from error
    return digest


def _damaged(file: Path, name: str, reason: str) -> RunError:
    return RunError(f"The {name} {file} is damaged: {reason}.", f"Delete {file.parent} and evaluate again.")
