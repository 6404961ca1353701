"""The stores in the cache, all of them: to list, check and remove them. Nothing else there is ever touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from attredit.data.decoding import writing
from attredit.data.making import META, discard, locked, part_of
from attredit.data.store import cache_dir, read_store
from attredit.errors import UsageError, nearest
from attredit.files import checksum_of, from_json
from attredit.progress import Progress, silent

# As `prepare` names them, and what is not finished. What a damaged store holds is known from its name only.
_NAME = re.compile(
    r"(?P<part>\.)?(?P<name>(?P<dataset>.+)-(?P<split>[^-]+)-(?P<size>\d+)-(?P<fingerprint>[0-9a-f]{16}))(?(part)\.part)"
)
_LEAST_OF_FINGERPRINT = 6


@dataclass(frozen=True)
class StoredSplit:
    """A store in the cache, whole or not.

    Attributes:
        path: Its directory, or the one it will have.
        dataset: The data set's name.
        split: Which of its splits.
        size: Height and width of its images.
        fingerprint: As `Store` has it.
        images: How many; None where it is damaged or unfinished.
        broken: How many more the source has that cannot be decoded.
        bytes: What it takes on the disk.
        used: When it was last opened, in seconds since 1970; when it was made, where that cannot be written down.
        unfinished: Its making was stopped, and will go on when it is asked for again; or is going on now.
    """

    path: Path
    dataset: str
    split: str
    size: int
    fingerprint: str
    images: int | None
    broken: int
    bytes: int
    used: float
    unfinished: bool

    @property
    def whole(self) -> bool:
        """False where its files are missing, cut short, or of another version of attredit."""
        return self.images is not None


def stored_splits() -> list[StoredSplit]:
    """All stores in the cache, sorted by name. Looking at them is no use of them."""
    home = cache_dir() / "stores"
    if not home.is_dir():
        return []
    found = ((path, _NAME.fullmatch(path.name)) for path in sorted(home.iterdir()))
    # A link may lead anywhere.
    named = ((path, name) for path, name in found if name and path.is_dir() and not path.is_symlink())
    return [store for path, name in named if (store := _stored(path, name)) is not None]


def _stored(path: Path, name: re.Match[str]) -> StoredSplit | None:
    """What a directory is; None for one that is being removed, or got its final name meanwhile."""
    part = name["part"] is not None
    store = None if part else read_store(path, name["fingerprint"])
    try:
        return StoredSplit(
            path.with_name(name["name"]),
            name["dataset"] if store is None else store.name,
            name["split"],
            int(name["size"]),
            name["fingerprint"],
            None if store is None else len(store),
            0 if store is None else len(store.broken),
            sum(file.stat().st_size for file in path.iterdir()),
            path.stat().st_mtime,
            part,
        )
    except FileNotFoundError:
        return None


def named_stores(stores: Sequence[StoredSplit], names: Iterable[str]) -> list[StoredSplit]:
    """Those of some names: a data set's, or a fingerprint or its beginning of 6 digits or more.

    Raises:
        UsageError: nothing has one of the names.
    """
    found: dict[Path, StoredSplit] = {}
    for name in names:
        begin = name if len(name) >= _LEAST_OF_FINGERPRINT else None
        own = [s for s in stores if name in (s.dataset, s.path.name) or (begin and s.fingerprint.startswith(begin))]
        if not own:
            raise UsageError(f"No prepared data are called {name!r}.", nearest(name, {s.dataset for s in stores}))
        found |= {store.path: store for store in own}
    return list(found.values())


def least_used(stores: Iterable[StoredSplit], limit: int) -> list[StoredSplit]:
    """Those that have to go so that the others take at most `limit` bytes, the least recently used first."""
    oldest = sorted(stores, key=lambda store: store.used)
    total, going = sum(store.bytes for store in oldest), []
    for store in oldest:
        if total <= limit:
            break
        going.append(store)
        total -= store.bytes
    return going


def remove(store: StoredSplit) -> None:
    """Remove a store; whoever has it open keeps what it reads, whoever makes it is waited for.

    Raises:
        RunError: it cannot be removed.
    """
    with locked(store.path), writing(store.path.parent):
        discard(part_of(store.path))
        discard(store.path)


def verify(store: StoredSplit, progress: Progress = silent) -> list[str]:
    """Read all of a store and compare it with the checksums that were taken when it was made.

    Args:
        store: Which.
        progress: Told of (bytes read, bytes in all).

    Returns:
        What is wrong with it, a sentence each; nothing when it is as it was.
    """
    if not store.whole:
        return ["It is incomplete, or of another version of attredit."]
    try:
        meta = from_json((store.path / META).read_text("utf-8"))
        recorded = meta["checksums"]
        total = sum((store.path / file).stat().st_size for file in recorded)
        wrong, done = [], 0
        for file in recorded:
            if checksum_of(store.path / file) != recorded[file]:
                wrong.append(f"{file} is not what was written.")
            done += (store.path / file).stat().st_size
            progress(done, total)
    except OSError as error:
        return [f"It cannot be read: {error.strerror or error}."]
    return wrong
