"""``attredit datasets prepare``: decode all splits of a data set now."""

from __future__ import annotations

from typing import Any

import rich_click as click
from rich.filesize import decimal

from attredit.cli.console import out, say
from attredit.cli.sources import collection_request, dataset_options, prepared, typed
from attredit.cli.tables import table


@click.command
@dataset_options
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode. [default: as many as pay]")
def command(name: str, workers: int | None, **given: Any) -> None:
    """Decode all splits of a data set now; what is prepared already is left as it is.

    Training does the same when it needs to. Do it before, where the data are at hand. Stopped and started again, it
    goes on.
    """
    request = collection_request(name, given)
    stores = prepared(request, workers)

    numbers = ("Images", "Broken", "Size")
    rows = table("Split", *numbers, "Where", numbers=numbers)
    for split, store in stores.items():
        size = sum(file.stat().st_size for file in store.path.iterdir())
        counts = f"{len(store):,}", f"{len(store.broken):,}"
        rows.add_row(f"[bold]{split}[/]", *counts, decimal(size), str(store.path))
    out().print(rows)
    schema = next(iter(stores.values())).schema
    words = typed(request)
    say("Next:")
    say(f"  attredit datasets inspect {words}")
    say(f"  attredit train --dataset {words} --attr {schema.names[0]}")
