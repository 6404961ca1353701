"""Weights that others have published: used if they are on this machine, never downloaded, never read when damaged."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

from attredit.errors import RunError
from attredit.files import checksum_of


class Weights(NamedTuple):
    """A file of them, whose name ends in the first digits of its SHA-256.

    Attributes:
        of: Whose they are, for sentences.
        package: What computes with them, as pip calls it.
        extra: Of attredit, that installs it.
        url: Where the file is to be had.
    """

    of: str
    package: str
    extra: str
    url: str

    @property
    def file(self) -> Path:
        """Where torch, and whatever is built on it, keeps such files."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    def lacking(self) -> str:
        """Why they cannot be used; empty where they can.

        Raises:
            RunError: the file is damaged.
        """
        if find_spec(self.package.replace("-", "_")) is None:
            return f"It takes the package {self.package}: pip install 'attredit[{self.extra}]'."
        if not self.file.is_file():
            where = f"put {self.url} into {self.file.parent}"
            return f"It takes {self.of}'s weights, which attredit does not download: {where}."
        digits = self.file.stem.rpartition("-")[2]
        if not checksum_of(self.file).startswith(digits):
            raise self.refused(f"is damaged: its SHA-256 does not start with {digits}")
        return ""

    def refused(self, why: str) -> RunError:
        """The error of a file that is not used."""
        return RunError(f"{self.file} {why}.", f"Get it again: {self.url}")
