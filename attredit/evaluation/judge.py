"""The judge: a classifier of all of a source's attributes that no evaluated model has seen or been trained against.

It is trained once on the training split and kept in the cache, as ``judges/HASH/judge.safetensors`` and ``judge.json``;
the hash covers the data, the settings and the version of the training code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from attredit.attributes import AttributeSchema
from attredit.errors import RunError
from attredit.evaluation.judge_training import VERSION, JudgeNetwork, JudgeSettings, fit, untrained
from attredit.files import load_into, read_tensors, write_tensors, write_text

if TYPE_CHECKING:
    from attredit.data import Store

Progress = Callable[[int, int], None]


class Judge:
    """Reads attributes of images.

    Args:
        network: Images (B, C, H, W) in [0, 1] to logits (B, A).
        schema: The attributes.
        hash: Identifies how and on what it was trained.
        device: Where it is.
    """

    def __init__(self, network: torch.nn.Module, schema: AttributeSchema, hash: str, device: torch.device) -> None:
        self.network, self.schema, self.hash, self.device = network.eval(), schema, hash, device

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to logits (B, A), A as in `AttributeSchema`."""
        layout = torch.channels_last
        logits: Tensor = self.network(images.to(self.device).contiguous(memory_format=layout))
        return logits

    def read(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to labels (B, n), int64, in schema order."""
        return self.schema.decode(self.schema.probabilities(self.logits(images)))


def judge_of(
    store: Store,
    *,
    cache: Path,
    device: torch.device,
    settings: JudgeSettings | None = None,
    progress: Progress | None = None,
) -> Judge:
    """The judge of a training split: from the cache, or trained now.

    Args:
        store: The prepared training split.
        cache: Directory that holds ``judges/``.
        device: Where to train and to read.
        settings: How to train.
        progress: Told of (steps done, steps in all) while training.

    Raises:
        RunError: the cached judge is damaged, or the cache cannot be written.
    """
    from filelock import FileLock

    settings = settings or JudgeSettings()
    key = judge_hash(store, settings)
    home = cache / "judges" / key
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"Cannot create {home}: {error.strerror}.",
            "Name another place with the environment variable ATTREDIT_CACHE.",
        ) from error
    # Two evaluations of one data set must not train it twice.
    with FileLock(f"{home}.lock"):
        if not (home / "judge.json").exists():
            network = fit(store.schema, store, settings, device, progress or (lambda done, total: None))
            _write(home, network, store, settings, key)
        return _read(home, store, settings, key, device)


def judge_hash(store: Store, settings: JudgeSettings) -> str:
    """Hex digest of everything that decides what the judge becomes."""
    facts = [VERSION, store.fingerprint, store.schema.to_json(), list(store.images.shape), dataclasses.asdict(settings)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _write(home: Path, network: JudgeNetwork, store: Store, settings: JudgeSettings, key: str) -> None:
    """The weights first: judge.json says that they are complete."""
    weights = home / "judge.safetensors"
    write_tensors(weights, network.state_dict(), {"hash": key})
    facts = {
        "hash": key,
        "version": VERSION,
        "data": store.fingerprint,
        "images": len(store),
        "attributes": store.schema.to_json(),
        "settings": dataclasses.asdict(settings),
        "sha256": _digest(weights),
    }
    write_text(home / "judge.json", json.dumps(facts, indent=2, sort_keys=True) + "\n")


def _read(home: Path, store: Store, settings: JudgeSettings, key: str, device: torch.device) -> Judge:
    """A judge from its two files, checked against each other: a wrong judge would spoil every figure unnoticed."""
    weights = home / "judge.safetensors"
    facts = _facts(home / "judge.json", key)
    if not weights.is_file() or _digest(weights) != facts["sha256"]:
        raise _damaged(weights, "it is not what was written when the judge was trained")
    tensors, _ = read_tensors(weights)
    network = untrained(store.schema, store, settings)
    load_into(network, tensors, weights)
    placed = network.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]
    return Judge(placed, store.schema, key, device)


def _facts(file: Path, key: str) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if facts["hash"] != key or not isinstance(facts["sha256"], str):
            raise _damaged(file, "it describes another judge")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file, str(error)) from error
    return facts


def _damaged(file: Path, reason: str) -> RunError:
    return RunError(f"The judge {file} is damaged: {reason}.", f"Delete {file.parent} and evaluate again.")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
