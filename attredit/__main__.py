"""``python -m attredit``: the command line, for launchers such as ``python -m torch.distributed.run``."""

from __future__ import annotations

from attredit.cli import main

if __name__ == "__main__":
    main()
