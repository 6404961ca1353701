"""evaluation.safetensors: what every image said, for whoever compares runs on the same images.

Beside evaluation-LABEL.json, of another collection, it is called as that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from attredit.errors import RunError
from attredit.evaluation.result import Evaluation, file_of
from attredit.evaluation.table import Figure
from attredit.files import read_tensors, write_tensors
from attredit.runs.directory import RunDirectory

ENDING = ".safetensors"
_ROWS = "/rows"  # no metric's name begins like this


@dataclass(frozen=True)
class Values:
    """What every image said.

    Attributes:
        rows: (N,) which rows of the source's split the images are, ascending.
        figures: By metric, without those of plugins that are one number; matrices are (N, K).
    """

    rows: np.ndarray
    figures: Mapping[str, Figure]

    def over(self, rows: np.ndarray) -> Values:
        """The same with an image for each of `rows` (M,), a superset of its own; new ones say nothing."""
        places = np.searchsorted(rows, self.rows)

        def spread(matrix: np.ndarray) -> np.ndarray:
            wider = np.full((len(rows), matrix.shape[1]), np.nan, matrix.dtype)
            wider[places] = matrix
            return wider

        return Values(
            rows,
            {
                name: replace(figure, values={a: spread(matrix) for a, matrix in figure.values.items()})
                for name, figure in self.figures.items()
            },
        )


def write_values(run: RunDirectory, evaluation: Evaluation, values: Values) -> None:
    """Write evaluation.safetensors, atomically: float32 (N, K) as ``metric/attribute``, or ``metric`` if it has none.

    It is written before evaluation.json, of which it holds the digest: if the second is never written, the first is
    known not to belong to what is there.

    Raises:
        RunError: it cannot be written.
    """
    tensors = {
        _key(name, attribute): torch.from_numpy(matrix.astype(np.float32))
        for name, figure in values.figures.items()
        for attribute, matrix in figure.values.items()
    }
    figures = {
        name: {"share": figure.share, "units": figure.units, "attributes": list(figure.values)}
        for name, figure in values.figures.items()
    }
    write_tensors(
        file_of(run, evaluation.label).with_suffix(ENDING),
        {_ROWS: torch.from_numpy(values.rows.astype(np.int64)), **tensors},
        {"evaluation": _digest(evaluation.text()), "figures": figures},
    )


def read_values(run: RunDirectory, label: str = "") -> Values:
    """What every evaluated image of a run said, by metric.

    Args:
        run: The run.
        label: Of another collection; empty for the run's own data.

    Returns:
        Images in the order of the evaluation, values float32.

    Raises:
        RunError: the run was not evaluated, a file is damaged, or the two are of different evaluations.
    """
    evaluation, known = Evaluation.read(run, label), file_of(run, label)
    file = known.with_suffix(ENDING)
    tensors, metadata = read_tensors(file, "evaluate the run again")
    if metadata["evaluation"] != _digest(evaluation.text()):
        raise RunError(f"{file} and {known.name} are of different evaluations.", "Evaluate the run again.")
    figures = {
        name: Figure(f["share"], f["units"], {a: tensors[_key(name, a)].numpy() for a in f["attributes"]})
        for name, f in metadata["figures"].items()
    }
    return Values(tensors[_ROWS].numpy(), figures)


def _key(name: str, attribute: str | None) -> str:
    return name if attribute is None else f"{name}/{attribute}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
