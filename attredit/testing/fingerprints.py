"""Fingerprints of a data set in a process of its own: ``python -m attredit.testing.fingerprints TASK.json``.

The task's answer replaces it; see `attredit.testing.data`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from attredit.data.collection import Collection
from attredit.files import write_text
from attredit.plugin.registry import installed

if __name__ == "__main__":
    task = Path(sys.argv[1])
    facts = json.loads(task.read_text("utf-8"))
    source = Collection.open(installed(), facts.pop("name"), **facts).source
    write_text(task, json.dumps({split: source.fingerprint(split) for split in source.splits}))
