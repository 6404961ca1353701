"""``attredit export``: a run for programs without torch."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from rich.filesize import decimal

from attredit.cli.console import say
from attredit.cli.options import output_option, run_argument


@click.command
@run_argument
@click.option("--to", "form", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="What to write.")
@output_option("Directory to write into. [default: onnx/ in the run directory]")
def command(run: Path, form: str, output: Path | None) -> None:
    """Write a run's model as ONNX graphs: encoder, decoder, composite edit, and what finds the frame.

    Each is asked by onnxruntime what torch says before it is kept. Edit with them without torch by
    examples/onnx/attredit_onnx.py, a file to copy.
    """
    from attredit.editing.editor import load
    from attredit.export.onnx import export_onnx

    for path in export_onnx(load(run, "cpu"), output or run / form):
        say(f"Wrote {path} ({decimal(path.stat().st_size)})")
