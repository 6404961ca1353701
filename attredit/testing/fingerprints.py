"""Fingerprints of a data set in a process of its own: ``python -m attredit.testing.fingerprints TASK.json``.

The task's answer replaces it; see `attredit.testing.data`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from attredit.files import write_text
from attredit.plugin.registry import installed
from attredit.request import CollectionRequest

if __name__ == "__main__":
    task = Path(sys.argv[1])
    source = CollectionRequest.model_validate_json(task.read_text("utf-8")).collection(installed()).source
    write_text(task, json.dumps({split: source.fingerprint(split) for split in source.splits}))
