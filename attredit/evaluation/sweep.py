"""Whether the decoder turns an attribute up gradually: the judge's logit along a sweep of decoded values."""

from __future__ import annotations

import numpy as np
import torch

from attredit.attributes import Attribute
from attredit.data.subset import spread
from attredit.editing.editor import Editor
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.editing import Edits, Seen, taken
from attredit.evaluation.table import Table

VALUES = tuple(i / 6 for i in range(7))
MOST = 200
# A logit that moves less than this is standing still: rounding alone would toss a coin at every step.
_LEAST = 1e-3


def sweep_scores(
    editor: Editor, data: EvaluationData, seen: Seen, attribute: Attribute, edits: Edits, table: Table
) -> None:
    """`monotonicity` of a binary attribute, on 200 evenly spread images: share of steps at which the logit goes up."""
    if not attribute.binary:
        return
    table.put("monotonicity", attribute.name, seen.rows[:0], np.empty(0))  # known of in every chunk
    rows = torch.from_numpy(np.flatnonzero(np.isin(seen.rows, spread(len(data), MOST))))
    if not len(rows):
        return
    column = data.schema.columns[data.schema.index(attribute.name)].start
    logits = torch.stack([edits.judged.logits[rows, column]] * len(VALUES))
    for step, value in enumerate(VALUES):
        new = rows.to(edits.asked.device)
        new = new[edits.asked[new] != value]  # edits are the end of the sweep that was asked for
        images = editor.model.decode(taken(seen.code, new), {attribute.name: value})
        logits[step, edits.asked[rows] != value] = data.judge.logits(images)[:, column]
    up = logits.diff(dim=0) > _LEAST
    table.put("monotonicity", attribute.name, seen.rows[rows.numpy()], up.float().mean(0))
