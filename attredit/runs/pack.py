"""A run in as few bytes as its edits need: what `make box` puts into the distribution."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from PIL import Image

from attredit.files import read_tensors, write_tensors
from attredit.runs.directory import RunDirectory


def pack(run_dir: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Copy a run without what is needed to continue it, its weights in half precision, which changes no edit visibly.

    Args:
        run_dir: The run.
        target: The directory to make; one that exists is replaced.

    Raises:
        RunError: there is no such run, or it has no checkpoint.
    """
    run, packed = RunDirectory(run_dir), RunDirectory(target)
    run.config()
    tensors, metadata = read_tensors(run.model_file)
    shutil.rmtree(packed.path, ignore_errors=True)
    packed.samples.mkdir(parents=True)
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    write_tensors(packed.model_file, halves, metadata)
    for file in (run.config_file, run.metrics_file, run.card_file):
        if file.is_file():
            shutil.copy(file, packed.path)
    for file in sorted(run.samples.glob("*.png"))[-1:]:
        with Image.open(file) as image:
            image.convert("RGB").reduce(2).quantize().save(packed.samples / file.name, optimize=True)
    return packed.path
