"""Networks that evaluations share: trained once, kept in the cache, and never used when they are damaged.

Each is a file, ``FOLDER/HASH/NAME.safetensors``; the hash covers the data, the settings and the version of the training
code, which are written beside the weights.
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
from attredit.files import load_into, read_tensors, write_tensors

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
    file = folder / key / f"{name}.safetensors"
    if not file.exists():  # else nothing is written: the cache may be somebody's who only lets it be read
        with _alone(file.parent):
            if not file.exists():
                write_tensors(file, trained().state_dict(), {**facts, "hash": key})
    network, again = untrained(), f"delete {file.parent} and evaluate again"
    tensors, told = read_tensors(file, again)
    if told.get("hash") != key:  # a wrong one would spoil every figure unnoticed
        raise RunError(f"{file} is another {name}.", f"Delete {file.parent} and evaluate again.")
    load_into(network, tensors, file)
    network.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]
    return network.eval()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """The right to write there: two evaluations of one data set must not train one network twice."""
    from filelock import FileLock

    try:
        home.mkdir(parents=True, exist_ok=True)
        held = FileLock(f"{home}.lock").acquire()
    except OSError as error:
        raise RunError(
            f"Cannot write {home}: {error.strerror}.",
            "Name another place with the environment variable ATTREDIT_CACHE.",
        ) from error
    with held:
        yield
