"""A source for these tests, in a module of its own because worker processes import it."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import Any

import numpy as np

from attredit.attributes import AttributeSchema

SIZE = 8


class Numbers:
    """Images 8x8 of one value each, the row's number modulo 256; a label that is its parity.

    Args:
        n: Rows.
        tag: Makes another fingerprint.
        slow: Seconds that an image takes.
        labels: Instead of the parity.
        broken: Rows whose images cannot be drawn.
        deadly: A row that ends the process, unless it is the one that made this source.
        endless: A row that takes minutes, except there.
    """

    channels = 3
    splits = ("train",)

    def __init__(
        self,
        n: int = 600,
        *,
        tag: str = "",
        slow: float = 0.0,
        labels: list[Any] | None = None,
        broken: Collection[int] = (),
        deadly: int | None = None,
        endless: int | None = None,
    ) -> None:
        self.n, self.tag, self.slow = n, tag, slow
        self.broken, self.deadly, self.endless = broken, deadly, endless
        self.drawn: list[int] = []
        self.schema = AttributeSchema.of_binary(["odd"])
        self.values = [i % 2 for i in range(n)] if labels is None else labels
        self.process = os.getpid()

    def fingerprint(self, split: str) -> str:
        return f"{self.n}{self.tag}"

    def open(self, split: str) -> Any:
        from datasets import Dataset

        return Dataset.from_dict({"index": list(range(self.n)), "odd": self.values}).with_transform(self.draw)

    def draw(self, rows: dict[str, list[int]]) -> dict[str, Any]:
        print("a source may print")
        time.sleep(self.slow * len(rows["index"]))
        self.drawn += rows["index"]
        if not set(self.broken).isdisjoint(rows["index"]):
            raise ValueError("the pen broke.")
        if os.getpid() != self.process:
            if self.deadly in rows["index"]:
                os._exit(7)
            if self.endless in rows["index"]:
                time.sleep(300)
        return {"image": [np.full((SIZE, SIZE, 3), i % 256, np.uint8) for i in rows["index"]]}
