"""Text, bytes and tensors in files that appear whole or not at all, and are checked when they are read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attredit.errors import RunError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

# What file systems answer that have no such thing; disks that fail answer something else.
_NOT_OFFERED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_PAUSES = (0.01, 0.05, 0.2)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a safetensors file atomically.

    All metadata go under one key: the format does not fix the order of several, and equal states must be equal bytes.
    The format has no checksum either, so one is among them.
    """
    from safetensors.torch import save_file

    plain = {k: t.detach().to("cpu").contiguous() for k, t in tensors.items()}
    text = json.dumps({**metadata, "digest": digest_of(plain, metadata)}, sort_keys=True)
    _replace(path, lambda temporary: save_file(plain, temporary, {"attredit": text}))


def read_tensors(path: Path, again: str = "train again") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a safetensors file and its metadata.

    Args:
        path: The file.
        again: What makes it anew.

    Raises:
        RunError: it is missing, empty, cut short, no safetensors file, or not what was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing.", f"What writes it was stopped before; {again}.")
    try:
        with safe_open(path, "pt") as file:
            metadata = from_json(file.metadata()["attredit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.pop("digest") != digest_of(tensors, metadata):
            raise ValueError("its content is not what was written")
        return tensors, metadata
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({path.stat().st_size} bytes): {error}.", f"Restore it from a copy or {again}."
        ) from error


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file alone, without torch and without reading its tensors.

    Raises:
        RunError: it is missing, empty, or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            metadata: dict[str, Any] = from_json(file.metadata()["attredit"])
            return metadata
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}.", "Restore it from a copy or train again.") from error


def checksum_of(file: Path) -> str:
    """Hex SHA-256 of a file, read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def from_json(text: str | bytes) -> Any:
    """What a text says.

    Raises:
        ValueError: it is no JSON, or lists in lists without end.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def digest_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """Hex digest of contiguous tensors on the CPU, their names and shapes, and of the metadata."""
    import torch

    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_into(module: Any, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Load tensors into a module, exactly.

    Raises:
        RunError: names or shapes differ from what the configuration describes.
    """
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(f"{where} does not fit its config.json: {reason}", "One of the two was changed.") from None


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put names under a prefix."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `prefixed`."""
    return {name[len(prefix) + 1 :]: t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically, making its directory.

    Raises:
        RunError: it cannot be written; a previous file is intact.
    """
    _replace(path, lambda temporary: Path(temporary).write_bytes(data))


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path whose ~ is the user's home directory: shells leave it as it is after a = or a colon.

    Raises:
        UsageError: there is no such user, or the user has no home directory.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path} begins with a ~, and there is no such home directory.", "Write it in full.") from None


def unused(path: Path, ending: str = "") -> Path:
    """The path, or the first of ``name-2``, ``name-3``, ... that does not exist; an ending of its name stays one."""
    number, free, begin = 1, path, path.name.removesuffix(ending)
    while free.exists():
        number += 1
        free = path.with_name(f"{begin}-{number}{ending}")
    return free


def to_disk(file: IO[Any]) -> None:
    """Wait until what was written to a file is on the disk.

    Raises:
        OSError: the disk is full, or fails.
    """
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise


def into_place(temporary: Path, path: Path) -> None:
    """Give a file its name. Windows refuses that for as long as somebody reads the one that has it.

    Raises:
        OSError: it cannot be done.
    """
    for pause in (*_PAUSES, None):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)


def _replace(path: Path, write: Callable[[str], Any]) -> None:
    """Let `write` make a temporary sibling and move it into place; leave nothing behind if it fails."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not one of `tempfile`, which is its owner's alone: some shares refuse to change that.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            write(str(temporary))
            # Windows only waits for what may be written.
            with temporary.open("r+b") as file:
                to_disk(file)
            into_place(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class explained:
    """Turns an operating system's refusal to write into one sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # safetensors reports a full disk as its own error type, with the system's words in it.
        from safetensors import SafetensorError

        if isinstance(error, OSError | SafetensorError):
            reason = getattr(error, "strerror", None) or str(error)
            raise RunError(
                f"Cannot write {self.path}: {reason}.",
                "What was saved before is intact; make room and go on, or name another place.",
            ) from error
