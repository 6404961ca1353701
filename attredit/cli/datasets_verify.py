"""``attredit datasets verify``: whether prepared data are what was written."""

from __future__ import annotations

from functools import partial

import rich_click as click

from attredit.cli.console import progress, say
from attredit.errors import RunError


@click.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
def command(names: tuple[str, ...]) -> None:
    """Read prepared data and compare them with the checksums that were taken when they were made.

    NAME is a data set, or a fingerprint that `attredit datasets ls` shows, or its beginning; without one, all are read.
    Exit code 1 when something is damaged.
    """
    from attredit.data.stores import named_stores, stored_splits, verify

    # What is unfinished is checked when its making goes on.
    everything = [store for store in stored_splits() if not store.unfinished]
    stores = named_stores(everything, names) if names else everything
    damaged = []
    with progress("bytes") as report:
        for store in stores:
            wrong = verify(store, partial(report, f"{store.dataset} {store.split} {store.fingerprint[:6]}"))
            if wrong:
                damaged.append(store)
            say(f"{store.path.name}: {' '.join(wrong) or 'as it was written.'}", fg="red" if wrong else None)
    if damaged:
        again = " ".join(store.fingerprint for store in damaged)
        count = f"{len(damaged)} of {len(stores)} prepared splits {'is' if len(damaged) == 1 else 'are'} damaged."
        raise RunError(count, f"Remove them, and they are made again: attredit datasets rm {again}")
