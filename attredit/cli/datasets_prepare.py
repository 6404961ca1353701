"""``attredit datasets prepare``: decode all splits of a data set now."""

from __future__ import annotations

import rich_click as click

from attredit.cli.console import out, say
from attredit.cli.sources import Source, bytes_text, dataset_options


@click.command
@dataset_options
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode. [default: as many as pay]")
def command(
    name: str, data_dir: str | None, data_options: tuple[str, ...], image_size: int, workers: int | None
) -> None:
    """Decode all splits of a data set now; what is prepared already is left as it is.

    Training does the same when it needs to. Do it before, where the data are at hand.
    """
    source = Source(name, data_dir, data_options, image_size)
    stores = source.prepared(workers)
    from attredit.cli.tables import table

    rows = table("Split", "Images", "Size", "Where", numbers=("Images", "Size"))
    for split, store in stores.items():
        size = sum(file.stat().st_size for file in store.path.iterdir())
        rows.add_row(f"[bold]{split}[/]", f"{len(store):,}", bytes_text(size), str(store.path))
    out().print(rows)
    schema = next(iter(stores.values())).schema
    say("Next:")
    say(f"  attredit datasets inspect {name} {source.words}")
    say(f"  attredit train --dataset {name} {source.words} --attr {schema.names[0]}")
