"""``attredit datasets rm``: remove prepared data."""

from __future__ import annotations

import re

import rich_click as click
from rich.filesize import decimal

from attredit.cli.console import say
from attredit.errors import UsageError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@click.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--to", "limit", metavar="SIZE", help="Remove the least recently used until the rest fits, as in 10GB.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(names: tuple[str, ...], limit: str | None, yes: bool) -> None:
    """Remove prepared data; they are made again when needed. Nothing else is ever touched.

    NAME is a data set, or a fingerprint that `attredit datasets ls` shows, or its beginning.
    """
    if bool(names) == (limit is not None):
        raise UsageError("Nothing says what to remove, or two things do.", "Give names, or --to SIZE.")
    most = None if limit is None else size_of(limit)
    from attredit.cli.datasets_ls import show
    from attredit.data.stores import least_used, named_stores, remove, stored_splits

    everything = stored_splits()
    going = named_stores(everything, names) if most is None else least_used(everything, most)
    if not going:
        say("Nothing to remove.")
        return
    show(going)
    size = decimal(sum(store.bytes for store in going))
    if not (yes or click.confirm(f"Remove {len(going)}, {size}?", err=True)):
        say("Nothing was removed.")
        return
    for store in going:
        remove(store)
    say(f"Removed {len(going)}, {size}.")


def size_of(text: str) -> int:
    """``10GB``, ``1.5 GB`` or ``1000``, in bytes.

    Raises:
        UsageError: it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", text.strip().upper())
    unit = found and (found[2] if found[2] in _UNITS else f"{found[2]}B")
    if not found or unit is None:
        raise UsageError(f"{text!r} is no size.", "Write it as 500MB or 10GB.")
    return round(float(found[1]) * _UNITS[unit])
