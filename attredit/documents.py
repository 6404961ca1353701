"""Facts as files of ours hold them, in JSON, and what is said of a file that holds something else."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from attredit.errors import RunError


class Document(BaseModel):
    """Facts that are written down: nobody changes them, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of_file(cls, file: Path, again: str) -> Self:
        """What a file says.

        Args:
            file: JSON.
            again: How to come by a whole one, a sentence.

        Raises:
            RunError: it is damaged, or was written by another version.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise RunError(f"{file} is damaged or of another version: {first_of(error)}.", again) from None


def first_of(error: ValidationError) -> str:
    """The first of its errors, and where it is."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    return ": ".join([*filter(None, [".".join(map(str, first["loc"]))]), reason])
