"""``attredit push``: a run for others."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import run_argument


@click.command
@run_argument
@click.argument("name", metavar="hf:USER/NAME")
@click.option("--private", is_flag=True, help="If the repository is new, let nobody but its owner see it.")
def command(run: Path, name: str, private: bool) -> None:
    """Put a run on the Hugging Face Hub, with its figures and model card.

    From then on, hf:USER/NAME may be named wherever a RUN is. Weights are safetensors, all else JSON; what is needed to
    continue the training stays here. Who you are, huggingface_hub knows: hf auth login, or HF_TOKEN.
    """
    from attredit.export.push import push

    say(f"Pushed to {push(run, name, private=private)}")
