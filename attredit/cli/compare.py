"""``attredit compare``: a page on which people compare runs without knowing which is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import RunPath, data_dir_option, device_option, output_option
from attredit.errors import UsageError


@click.command
@click.argument("runs", nargs=-1, required=True, type=RunPath(), metavar="RUN RUN...")
@output_option("The page.", "PAGE.html", required=True)
@click.option("--attr", "attributes", multiple=True, metavar="NAME", help="What to edit; repeatable. [default: all]")
@click.option("--pairs", type=click.IntRange(min=1), default=40, show_default=True, help="How many are shown.")
@click.option("--again", type=click.IntRange(min=0), help="How many come twice. [default: a fifth]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of images, order and sides.")
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Which images.")
@click.option("--of", "noun", default="", metavar="NOUN", help="What they show. [default: person, of faces; subject]")
@data_dir_option("Where the runs' data lie now, if they were moved.")
@device_option
def command(runs: tuple[Path, ...], output: Path, again: int | None, data_dir: str | None, **given: Any) -> None:
    """Write a page on which people compare runs, without knowing which is which.

    It shows the same images edited by two runs, on random sides, and asks which looks more like the same person,
    smiling, or whatever was edited. Votes are saved as a file, which `attredit votes` counts. The page fetches nothing.
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output} does not end like a page.", "Name a file that ends in .html.")
    from attredit.blind.compare import Asked, comparison_of
    from attredit.blind.page import write_comparison

    device = given.pop("device")
    asked = Asked(again=given["pairs"] // 5 if again is None else again, **given)
    comparison = comparison_of(runs, asked, data_dir=data_dir, device=device)
    write_comparison(comparison, output)
    say(f"Wrote {output}: {len(comparison.pairs)} pairs, {asked.pairs} of them different ones.")
    say("Give it to people; it needs no other file. Count what they save: attredit votes FILE...")
