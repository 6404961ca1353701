"""Train, edit and evaluate without the command line: a small model of drawn faces, in seconds.

python examples/train_from_python.py [DIRECTORY]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import attredit


def main(folder: Path) -> None:
    request = attredit.Request(
        attributes=["Smiling"],
        image_size=32,
        steps=100,
        batch_size=16,
        run_dir=str(folder / "run"),
        data_options={"train": 300, "valid": 20, "test": 20},
    )
    run = attredit.train(request)
    editor = attredit.load(run)
    faces = editor.sample(4, Smiling=0, seed=1)
    smiling = editor.edit(faces, Smiling=1)
    smiling[0].save(folder / "smiling.png")
    print("before:", [round(p["Smiling"], 2) for p in editor.predict(faces)])
    print("after: ", [round(p["Smiling"], 2) for p in editor.predict(smiling)])
    print(f"The run is in {run}, an edited face in {folder / 'smiling.png'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
