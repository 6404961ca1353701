"""``attredit datasets ls``: list prepared data."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import rich_click as click
from rich.filesize import decimal
from rich.markup import escape

from attredit.cli.console import out, say
from attredit.cli.tables import table

if TYPE_CHECKING:
    from attredit.data.stores import StoredSplit


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON on stdout, and nothing else.")
def command(as_json: bool) -> None:
    """List prepared data: what, how large, when last used, and whether they are whole; unfinished ones, too."""
    from attredit.data import cache_dir
    from attredit.data.stores import stored_splits

    stores = stored_splits()
    if as_json:
        say(json.dumps([_plain(store) for store in stores], indent=2))
        return
    show(stores)
    say(f"{len(stores)} in {cache_dir() / 'stores'}, {decimal(sum(store.bytes for store in stores))}")


def show(stores: list[StoredSplit]) -> None:
    """A table of stores."""
    numbers = ("Pixels", "Images", "Size")
    rows = table("Data set", "Split", *numbers, "Last used", "Fingerprint", "State", numbers=numbers)
    for store in stores:
        used = f"{datetime.fromtimestamp(store.used):%Y-%m-%d %H:%M}"
        images = "" if store.images is None else f"{store.images:,}"
        name, split = f"[bold]{escape(store.dataset)}[/]", escape(store.split)
        cells = str(store.size), images, decimal(store.bytes), used, store.fingerprint
        rows.add_row(name, split, *cells, _state(store))
    out().print(rows)


def _state(store: StoredSplit) -> str:
    if store.unfinished:
        return "[yellow]unfinished: goes on when it is needed[/]"
    if not store.whole:
        return "[red]damaged or of another version[/]"
    return f"[green]whole[/], {store.broken:,} broken left out" if store.broken else "[green]whole[/]"


def _plain(store: StoredSplit) -> dict[str, object]:
    return {
        "dataset": store.dataset,
        "split": store.split,
        "image_size": store.size,
        "images": store.images,
        "broken": store.broken,
        "bytes": store.bytes,
        "used": datetime.fromtimestamp(store.used).astimezone().isoformat(timespec="seconds"),
        "fingerprint": store.fingerprint,
        "whole": store.whole,
        "unfinished": store.unfinished,
        "path": str(store.path),
    }
