"""``attredit votes``: what people said on the pages of ``attredit compare``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.markup import escape

from attredit.cli.console import out, say
from attredit.cli.options import PLACE
from attredit.cli.tables import table

if TYPE_CHECKING:
    from attredit.blind.votes import Count, Share


@click.command
@click.argument("files", nargs=-1, required=True, type=PLACE, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON on stdout, and nothing else.")
def command(files: Sequence[Path], as_json: bool) -> None:
    """Count the votes of a blind comparison: who is preferred, with exact 95 % intervals, and whether people agree."""
    from attredit.blind.votes import count, read_ballot

    counted = count([read_ballot(file) for file in files])
    if as_json:
        say(json.dumps(_plain(counted), indent=2))
    else:
        _print(counted)


def _print(counted: Count) -> None:
    numbers = ("chosen", "of", "share", "95 % interval", "could not tell")
    made = table("run", "against", "edits of", *numbers, numbers=numbers)
    for found in counted.preferences:
        words = (found.first, found.second, found.attribute or "all")
        made.add_row(*map(escape, words), *_words(found.preferred), str(found.undecided))
    out().print(made)
    say(f"Voters: {counted.voters}.")
    for who, share, why in (
        ("themselves", counted.with_themselves, "nobody saw a pair twice"),
        ("each other", counted.with_each_other, "no pair has two voters"),
    ):
        chosen, of, value, interval = _words(share)
        known = f": {chosen} of {of}, {value} ({interval})" if share.n else f" is not known: {why}"
        say(f"How often they agree with {who}{known}.")
    for note in counted.notes:
        say(note)
    say("A share whose interval holds 50 % decides nothing.", dim=True)


def _words(share: Share) -> tuple[str, str, str, str]:
    low, high = share.interval or (None, None)
    interval = "–" if low is None or high is None else f"{100 * low:.1f} % – {100 * high:.1f} %"
    return str(share.count), str(share.n), "–" if share.value is None else f"{100 * share.value:.1f} %", interval


def _plain(counted: Count) -> dict[str, Any]:
    return {
        **dataclasses.asdict(counted),
        "preferences": [
            {**dataclasses.asdict(found), "preferred": _figures(found.preferred)} for found in counted.preferences
        ],
        "with_themselves": _figures(counted.with_themselves),
        "with_each_other": _figures(counted.with_each_other),
    }


def _figures(share: Share) -> dict[str, Any]:
    low, high = share.interval or (None, None)
    return {"count": share.count, "n": share.n, "value": share.value, "low": low, "high": high}
