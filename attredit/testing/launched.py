"""Trains requests in the processes of one launch, one after the other; see `attredit.testing.processes`.

    python -m torch.distributed.run --standalone --nproc_per_node 2 -m attredit.testing.launched REQUEST.json ...

A request that cannot be trained ends the launch: where one process failed, the others would wait for it for ever.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from attredit.errors import AttrEditError
from attredit.files import write_text
from attredit.launch import train
from attredit.request import Request


def train_request(file: Path) -> None:
    """Train one request; what goes wrong is also written beside it."""
    try:
        train(Request.model_validate_json(file.read_text("utf-8")))
    except Exception as error:
        kind = "" if isinstance(error, AttrEditError) else f"{type(error).__name__}: "
        write_text(file.with_suffix(f".{os.environ['RANK']}.error"), " ".join(f"{kind}{error}".split()))
        raise
    if os.environ["RANK"] == "0":
        write_text(file.with_suffix(".done"), "")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        train_request(Path(argument))
