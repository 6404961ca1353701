"""``attredit datasets prepare``: decode all splits of a data set now."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import rich_click as click
from rich.filesize import decimal

from attredit.cli.console import out, say
from attredit.cli.sources import Source, dataset_options

if TYPE_CHECKING:
    from attredit.data.geometry import Crop


@click.command
@dataset_options
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode. [default: as many as pay]")
def command(
    name: str,
    data_dir: str | None,
    data_options: tuple[str, ...],
    image_size: int,
    crop: Crop,
    strict: bool,
    workers: int | None,
) -> None:
    """Decode all splits of a data set now; what is prepared already is left as it is.

    Training does the same when it needs to. Do it before, where the data are at hand. Stopped and started again, it
    goes on.
    """
    source = Source(name, data_dir, data_options, image_size, crop, strict)
    stores = source.prepared(workers)
    from attredit.cli.tables import table

    numbers = ("Images", "Broken", "Size")
    rows = table("Split", *numbers, "Where", numbers=numbers)
    for split, store in stores.items():
        size = sum(file.stat().st_size for file in store.path.iterdir())
        counts = f"{len(store):,}", f"{len(store.broken):,}"
        rows.add_row(f"[bold]{split}[/]", *counts, decimal(size), str(store.path))
    out().print(rows)
    schema = next(iter(stores.values())).schema
    typed = f"{shlex.quote(name)} {source.words}"
    say("Next:")
    say(f"  attredit datasets inspect {typed}")
    say(f"  attredit train --dataset {typed} --attr {schema.names[0]}")
